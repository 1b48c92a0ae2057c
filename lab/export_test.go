package lab

// PID is the process that runs now, for tests which look at it from outside.
func (a *Asterisk) PID() int { return a.process.pid() }

// Folder is where all of the instance's files are.
func (a *Asterisk) Folder() string { return a.folder.path }

// PID is the server's first process.
func (p *Postgres) PID() int { return p.process.pid() }

// Folder is where all of the server's files are.
func (p *Postgres) Folder() string { return p.folder.path }
