// Package accounts knows who asks and what they may do.
//
// Whoever asks for something is a [Principal]: an account of a person, an API
// token of another system, or a token that acts for an account. What a
// principal may do is decided in one place, [Can], from three things only: its
// role, the call centers that it is limited to, and the call centers that the
// thing belongs to. Nothing else in the program compares roles or call centers.
//
//	service := accounts.NewService(accounts.Options{Store: db.Accounts(), Log: log})
//	sessions := accounts.NewSessions(accounts.SessionOptions{Store: db.Sessions()})
//
//	account, err := service.Authenticate(ctx, name, password, address) // log in
//	principal, err := sessions.Begin(w, r, &account)
//	principal, err := sessions.Principal(r)                            // any request
//	err := sessions.End(w, r)                                          // log out
//
// # Accounts
//
// [Service] manages accounts and verifies passwords. Accounts are disabled,
// never deleted, and never renamed, since their names stay on records; the
// schema holds that too. There is always an enabled administrator once there
// was one. What is changed of an account counts from the next request on.
//
// # Passwords
//
// Passwords are hashed with argon2id. Each hash names its own cost, so the
// cost can be raised: a hash of another cost than today's is replaced when its
// owner logs in. Attempts to log in are limited by account and by address, in
// the database, so that the limits hold for all processes together and
// outlast a restart. Names without an account are limited likewise, and take
// the time of verifying a password, so that nobody can find out which names
// there are. (While hashes of an older cost are left, theirs take another
// time.)
//
// # Sessions
//
// [Sessions] knows a browser by a cookie. A session ends when it is ended, when
// it was not used for a while, and in any case after a shift. All sessions of
// an account end at once when its password is set, when it is disabled, and by
// [Service.LogoutEverywhere]. None survives that by being just about to begin:
// it begins in the generation of the account in which the password was
// verified, or not at all.
//
// # Tokens
//
// [Tokens] creates, verifies, lists and revokes API tokens. A token's secret
// leaves the program once, when it is created; what is stored is its SHA-256
// hash, as of a session's. A slow password hash would add nothing: the secret
// is 256 random bits, so there is no dictionary to try, and verification
// happens on every request. A token that may act for accounts is, when it acts,
// limited to what both it and the account may do, and both sign.
package accounts
