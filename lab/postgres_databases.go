package lab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// migratedTemplate is the database that Template makes.
const migratedTemplate = "callbackd_template"

// Template makes a database, has migrate prepare it, and makes it the one
// that every later Database is a copy of. It is called once, before Database.
// Migrate must have closed its connections when it returns.
func (p *Postgres) Template(ctx context.Context, migrate func(ctx context.Context, url string) error) error {
	if err := p.exec(ctx, "CREATE DATABASE "+migratedTemplate); err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	if err := migrate(ctx, p.url(migratedTemplate)); err != nil {
		return fmt.Errorf("prepare the template database: %w", err)
	}
	p.template = migratedTemplate
	return nil
}

// Database makes a database that nobody else has, and returns its address.
func (p *Postgres) Database(ctx context.Context) (string, error) {
	name := fmt.Sprintf("callbackd_%d", p.databases.Add(1))
	sql := "CREATE DATABASE " + name + " TEMPLATE " + p.template
	if p.version >= 15 {
		// Copying the files is four times as quick as logging each page, since
		// nothing here waits for the disk. Older versions know no other way.
		sql += " STRATEGY FILE_COPY"
	}
	if err := p.exec(ctx, sql); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return p.url(name), nil
}

// Drop removes a database that Database made, cutting the connections to it.
func (p *Postgres) Drop(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own error would show the password.
		return errors.New("drop a database: its address is not a URL")
	}
	name := strings.TrimPrefix(u.Path, "/")
	if err := p.exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// exec runs a statement that belongs to no database.
func (p *Postgres) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
