package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby makes a server that follows this one, which must be Durable, and can
// take its place. What is committed from then on is committed by both: no
// acknowledged transaction is lost when this one dies.
func (p *Postgres) Standby(ctx context.Context) (*Postgres, error) {
	if !p.options.Durable {
		return nil, errors.New("start a standby of PostgreSQL: commits of a server that is not durable wait for nobody")
	}
	s := &Postgres{
		options: p.options, programs: p.programs, version: p.version, credential: p.credential,
		password: p.password, template: p.template,
	}
	var err error
	if s.folder, err = newFolder(); err != nil {
		return nil, err
	}
	if err = p.copyTo(ctx, s); err == nil {
		for range portTries {
			if s.port, err = freeTCP(); err != nil {
				break
			}
			if err = s.run(ctx); !errors.Is(err, errPortTaken) {
				break
			}
		}
	}
	if err == nil {
		err = p.waitForStandby(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a standby of PostgreSQL: %w", err), s.Stop())
	}
	return s, nil
}

// copyTo makes the data folder of a standby.
func (p *Postgres) copyTo(ctx context.Context, s *Postgres) error {
	if c := s.credential; c != nil {
		if err := chown(s.folder.path, c); err != nil {
			return err
		}
	}
	cmd := s.command(ctx, "pg_basebackup", "--pgdata", s.folder.join("data"), "--dbname", p.url("postgres"),
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, lastLines(string(out), 15))
	}
	return nil
}

// waitForStandby makes commits wait for the standby, once it follows.
func (p *Postgres) waitForStandby(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only asked
	for _, sql := range []string{
		"ALTER SYSTEM SET synchronous_standby_names = '*'", "ALTER SYSTEM SET synchronous_commit = 'on'", "SELECT pg_reload_conf()",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("the standby does not follow"))
	defer cancel()
	for {
		var follows bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')").Scan(&follows)
		if err != nil || follows {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Promote makes a standby a server of its own, which can be written to.
func (p *Postgres) Promote(ctx context.Context) error {
	if err := p.exec(ctx, "SELECT pg_promote()"); err != nil {
		return fmt.Errorf("promote a standby of PostgreSQL: %w", err)
	}
	return nil
}

// Address is the server's host:port.
func (p *Postgres) Address() string { return address(p.port) }
