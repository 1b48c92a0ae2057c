package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/callcenter"
)

// maxCELConnections is enough for one repair, and takes few from a database
// that is Asterisk's.
const maxCELConnections = 2

// CELOptions say where in a database a PBX's channel event log is.
type CELOptions struct {
	// Table is its name, or schema.table.
	Table string
	// Timezone is the IANA name of the zone of event times in a column without
	// time zone.
	Timezone string
	// Systemname begins the unique IDs of the rows that are the PBX's, where
	// several write to one table; empty when all are.
	Systemname string
}

// CEL reads a PBX's channel event log, from the table that Asterisk's cel_pgsql
// writes to. Nothing in that database is changed.
type CEL struct {
	pool    *pgxpool.Pool
	options CELOptions
	table   string // quoted

	mu sync.Mutex
	// at is the SQL of an event's time, from that of a time in the column;
	// empty until the table's columns were looked at.
	at, from string
}

var _ callcenter.EventLog = (*CEL)(nil)

// OpenCEL prepares to read a channel event log. It does not connect: a PBX is
// followed whether or not this database is there.
func OpenCEL(ctx context.Context, url string, options CELOptions) (*CEL, error) {
	config, err := poolConfig(url, map[string]string{
		"application_name": "callbackd", "default_transaction_read_only": "on", "statement_timeout": "30s", "jit": "off",
	})
	if err != nil {
		return nil, err
	}
	config.MaxConns = maxCELConnections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open channel event log: %w", err)
	}
	return &CEL{
		pool: pool, options: options, table: pgx.Identifier(strings.Split(options.Table, ".")).Sanitize(),
	}, nil
}

// Close closes all connections.
func (c *CEL) Close() { c.pool.Close() }

// celColumns are the columns that are read, all of them text but for the time.
var celColumns = []string{
	"eventtype", "eventtime", "cid_num", "exten", "context", "channame", "appname", "appdata", "uniqueid", "linkedid", "extra",
}

// Check reports what about the table is not as cel.sql of the sample
// configuration of Asterisk has it, all at once.
func (c *CEL) Check(ctx context.Context) error {
	type column struct {
		Name string `db:"attname"`
		Type string `db:"typname"`
	}
	columns, err := collect[column](ctx, c.pool, `
		SELECT a.attname::text, t.typname::text
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = to_regclass(@table) AND a.attnum > 0 AND NOT a.attisdropped`, pgx.StrictNamedArgs{"table": c.table})
	if err != nil {
		return fmt.Errorf("look at the channel event log's table: %w", err)
	}
	if len(columns) == 0 {
		return fmt.Errorf("there is no table %s for the channel event log: make it with cel.sql", c.options.Table)
	}
	types := make(map[string]string, len(columns))
	for _, col := range columns {
		types[col.Name] = col.Type
	}
	var faults []error
	for _, name := range celColumns {
		switch typ := types[name]; {
		case typ == "":
			faults = append(faults, fmt.Errorf("table %s has no column %s", c.options.Table, name))
		case name == "eventtime" && typ != "timestamp" && typ != "timestamptz":
			faults = append(faults, fmt.Errorf("column eventtime of table %s is %s: it must be timestamp", c.options.Table, typ))
		case name != "eventtime" && typ != "text" && typ != "varchar" && typ != "bpchar":
			faults = append(faults, fmt.Errorf("column %s of table %s is %s: it must be text", name, c.options.Table, typ))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.from = "eventtime", "%s::timestamptz"
	if types["eventtime"] == "timestamp" {
		c.at, c.from = "eventtime AT TIME ZONE @zone", "(%s::timestamptz AT TIME ZONE @zone)"
	}
	return nil
}

// prepare looks at the table when that was not done yet, and returns the SQL
// of an event's time, and a function for that of a parameter to compare it
// with.
func (c *CEL) prepare(ctx context.Context) (at string, from func(parameter string) string, err error) {
	c.mu.Lock()
	known := c.at != ""
	c.mu.Unlock()
	if !known {
		if err := c.Check(ctx); err != nil {
			return "", nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	format := c.from
	return c.at, func(parameter string) string { return fmt.Sprintf(format, parameter) }, nil
}

// LinkedIDs implements callcenter.EventLog.
func (c *CEL) LinkedIDs(ctx context.Context, from, to time.Time) ([]string, error) {
	at, bound, err := c.prepare(ctx)
	if err != nil {
		return nil, err
	}
	args := pgx.StrictNamedArgs{"from": from, "to": to, "systemname": c.options.Systemname}
	if strings.Contains(at, "@zone") {
		args["zone"] = c.options.Timezone
	}
	rows, err := c.pool.Query(ctx, `
		SELECT linkedid
		FROM `+c.table+`
		WHERE eventtime >= `+bound("@from")+` AND eventtime < `+bound("@to")+` AND linkedid <> ''
			AND (@systemname = '' OR starts_with(linkedid, @systemname || '-'))
		GROUP BY linkedid
		ORDER BY min(eventtime), linkedid`, args)
	if err != nil {
		return nil, fmt.Errorf("read which calls are in the channel event log: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read which calls are in the channel event log: %w", err)
	}
	return ids, nil
}

// Latest implements callcenter.EventLog.
func (c *CEL) Latest(ctx context.Context, since time.Time) (time.Time, error) {
	at, bound, err := c.prepare(ctx)
	if err != nil {
		return time.Time{}, err
	}
	args := pgx.StrictNamedArgs{"since": since, "systemname": c.options.Systemname}
	if strings.Contains(at, "@zone") {
		args["zone"] = c.options.Timezone
	}
	latest, err := scalar[*time.Time](ctx, c.pool, `
		SELECT max(`+at+`)
		FROM `+c.table+`
		WHERE eventtime >= `+bound("@since")+` AND linkedid <> ''
			AND (@systemname = '' OR starts_with(linkedid, @systemname || '-'))`, args)
	if err != nil {
		return time.Time{}, fmt.Errorf("read how far the channel event log has come: %w", err)
	}
	return orZero(latest), nil
}

// Events implements callcenter.EventLog.
func (c *CEL) Events(ctx context.Context, linkedIDs []string, limit int) ([]callcenter.CELEvent, error) {
	at, _, err := c.prepare(ctx)
	if err != nil {
		return nil, err
	}
	types := make([]string, len(callcenter.CELTypes))
	for i, typ := range callcenter.CELTypes {
		types[i] = string(typ)
	}
	args := pgx.StrictNamedArgs{"linked_ids": linkedIDs, "types": types, "limit": limit}
	if strings.Contains(at, "@zone") {
		args["zone"] = c.options.Timezone
	}
	// Rows of one moment are in the order of the types, in which a hang-up
	// comes before the end that it causes. A site's own table may have NULL for
	// what is empty.
	rows, err := c.pool.Query(ctx, `
		WITH channels AS (
			SELECT DISTINCT uniqueid FROM `+c.table+` WHERE linkedid = ANY (@linked_ids)
		), related AS (
			SELECT DISTINCT linkedid FROM `+c.table+` WHERE uniqueid IN (SELECT uniqueid FROM channels)
		)
		SELECT eventtype, `+at+`, uniqueid, coalesce(channame, ''), linkedid, coalesce(cid_num, ''), coalesce(context, ''),
			coalesce(exten, ''), coalesce(appname, ''), coalesce(appdata, ''), coalesce(extra, '')
		FROM `+c.table+`
		WHERE linkedid IN (SELECT linkedid FROM related) AND eventtype = ANY (@types)
		ORDER BY eventtime, array_position(@types::text[], eventtype::text)
		LIMIT @limit`, args)
	if err != nil {
		return nil, fmt.Errorf("read the channel event log: %w", err)
	}
	events, err := pgx.CollectRows(rows, scanCELEvent)
	if err != nil {
		return nil, fmt.Errorf("read the channel event log: %w", err)
	}
	return events, nil
}

func scanCELEvent(row pgx.CollectableRow) (e callcenter.CELEvent, err error) {
	return e, row.Scan(&e.Type, &e.At, &e.Channel, &e.Name, &e.LinkedID, &e.Number, &e.Context, &e.Exten, &e.App, &e.AppData, &e.Extra)
}
