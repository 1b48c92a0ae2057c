package lab

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// detailFiles make Asterisk write its own account of calls, which callbackd
// does without: tests hold what is stored against it.
var detailFiles = map[string]string{
	"cdr.conf": "[general]\nenable = yes\nunanswered = yes\n",
	"cdr_custom.conf": "[mappings]\ncalls.csv => ${CSV_QUOTE(${CDR(linkedid)})},${CSV_QUOTE(${CDR(src)})}," +
		"${CSV_QUOTE(${CDR(dstchannel)})},${CSV_QUOTE(${CDR(disposition)})},${CSV_QUOTE(${CDR(start)})},${CSV_QUOTE(${CDR(end)})}\n",
}

// detailModules are what that takes; since 22.8 also the first of them.
var detailModules = []string{"res_cdrel_custom.so", "func_cdr.so", "cdr_custom.so"}

// CallDetail is one of Asterisk's call detail records. A call has several: one
// for each party that was called.
type CallDetail struct {
	LinkedID string
	// Number is the caller's.
	Number string
	// Channel is that of the party called; empty when nobody was.
	Channel string
	// Answered says that the two were connected.
	Answered bool
	// Start and End are in whole seconds.
	Start, End time.Time
}

// CallDetails returns what Asterisk says of the calls that have ended. It needs
// [AsteriskOptions].CallDetails.
func (a *Asterisk) CallDetails() ([]CallDetail, error) {
	f, err := os.Open(a.folder.join("log", "cdr-custom", "calls.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no call has ended
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = 6
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read call detail records: %w", err)
	}
	details := make([]CallDetail, len(rows))
	for i, row := range rows {
		d := CallDetail{LinkedID: row[0], Number: row[1], Channel: row[2], Answered: row[3] == "ANSWERED" && row[2] != ""}
		var errs [2]error
		d.Start, errs[0] = time.ParseInLocation(time.DateTime, row[4], time.Local)
		d.End, errs[1] = time.ParseInLocation(time.DateTime, row[5], time.Local)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("read call detail record %d: %w", i+1, err)
		}
		details[i] = d
	}
	return details, nil
}

// writeDetails has Asterisk, whose configuration lies in dir, write call detail
// records.
func writeDetails(dir string) error {
	for name, text := range detailFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
