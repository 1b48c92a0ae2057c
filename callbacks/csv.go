package callbacks

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// CSVOptions say how people read a CSV.
type CSVOptions struct {
	// English names the columns and words in English; else in Japanese.
	English bool
	// Location is in which times are given; nil for UTC.
	Location *time.Location
}

// CSV writes callbacks as a table for spreadsheets (RFC 4180), in UTF-8 with
// a byte order mark, without which Excel takes it for Shift JIS.
//
// A cell never runs as a formula, whoever chose its text; see [cell]. A phone
// number keeps its leading zero only where the column is taken for text, which
// no CSV can say; so numbers are written as they are.
type CSV struct {
	w       *csv.Writer
	options CSVOptions
}

// byteOrderMark tells spreadsheets that the text is UTF-8.
const byteOrderMark = "\ufeff"

// NewCSV returns a CSV with its line of titles written.
func NewCSV(w io.Writer, options CSVOptions) (*CSV, error) {
	if options.Location == nil {
		options.Location = time.UTC
	}
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	c := &CSV{w: csv.NewWriter(w), options: options}
	c.w.UseCRLF = true
	titles := make([]string, len(columns))
	for i, column := range columns {
		if titles[i] = column.japanese; options.English {
			titles[i] = column.english
		}
	}
	if err := c.w.Write(titles); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return c, nil
}

// Write adds a callback.
func (c *CSV) Write(row *Row) error {
	record := make([]string, len(columns))
	for i, column := range columns {
		record[i] = cell(lineBreaks.Replace(column.value(row, &c.options)))
	}
	if err := c.w.Write(record); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// Flush writes what is held back.
func (c *CSV) Flush() error {
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// lineBreaks makes all line breaks \n, which the writer makes \r\n. It would
// drop an \r by itself.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// columns are the columns of the CSV, in order.
var columns = []struct {
	japanese, english string
	value             func(row *Row, o *CSVOptions) string
}{
	{"対応状況", "Status", func(row *Row, o *CSVOptions) string { return o.word(statusWords[row.Status]) }},
	{"ID", "ID", func(row *Row, _ *CSVOptions) string { return strconv.FormatInt(int64(row.ID), 10) }},
	{"登録日時", "Registered at", func(row *Row, o *CSVOptions) string { return o.time(&row.RegisteredAt) }},
	{"登録者", "Registered by", func(row *Row, _ *CSVOptions) string { return row.RegisteredBy }},
	{"登録方法", "Origin", func(row *Row, o *CSVOptions) string { return o.word(originWords[row.Origin]) }},
	{"相手の番号", "Remote number", func(row *Row, _ *CSVOptions) string { return row.RemoteNumber }},
	{"相手の名前", "Remote name", func(row *Row, _ *CSVOptions) string { return row.RemoteName }},
	{"連絡先番号", "Contact number", func(row *Row, _ *CSVOptions) string { return row.ContactNumber }},
	{"コールセンター", "Call center", func(row *Row, _ *CSVOptions) string { return row.CallCenterName }},
	{"業務ラベル", "Business label", func(row *Row, _ *CSVOptions) string { return row.BusinessLabelName }},
	{"こちらの番号", "Local number", func(row *Row, _ *CSVOptions) string { return row.LocalNumber }},
	{"担当者", "Assignee", func(row *Row, _ *CSVOptions) string { return row.AssigneeName }},
	{"メモ", "Memo", func(row *Row, _ *CSVOptions) string { return row.Memo }},
	{"完了日時", "Completed at", func(row *Row, o *CSVOptions) string { return o.time(row.CompletedAt) }},
	{"完了者", "Completed by", func(row *Row, _ *CSVOptions) string { return row.CompletedBy }},
	{"リクエストID", "Request ID", func(row *Row, _ *CSVOptions) string { return string(row.RequestID) }},
	{"依頼回数", "Requests", func(row *Row, _ *CSVOptions) string { return count(row.Requests) }},
	{"最終依頼日時", "Last requested at", func(row *Row, o *CSVOptions) string { return o.time(&row.LastRequestedAt) }},
}

// words are a word in Japanese and English.
type words struct{ japanese, english string }

var (
	statusWords = map[Status]words{
		StatusOpen:      {"未完了", "open"},
		StatusCompleted: {"完了", "completed"},
	}
	originWords = map[Origin]words{
		OriginManual:    {"手動登録", "manual"},
		OriginAutomatic: {"自動登録", "automatic"},
	}
)

func (o *CSVOptions) word(w words) string {
	if o.English {
		return w.english
	}
	return w.japanese
}

// time is a time as spreadsheets understand it: without a zone, in the one
// that was asked for.
func (o *CSVOptions) time(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(o.Location).Format("2006-01-02 15:04:05")
}

// cell makes a text safe to be opened in a spreadsheet. Excel, LibreOffice and
// Google Sheets run a cell that begins with one of these signs as a formula,
// quoted or not; an apostrophe before it makes it text. Space, tabs and line
// breaks before the sign are passed over by some, and so are the full-width
// forms of the signs taken for them.
//
// A telephone number with + is the one text that is better left: it consists
// of digits alone, so as a formula it is just that number.
func cell(text string) string {
	bare := strings.TrimLeft(text, " \t\r\n\v\f\u00a0\u3000\ufeff\u0000")
	if bare == "" || !strings.ContainsAny(bare[:firstRune(bare)], "=+-@|%＝＋－＠") {
		if text != "" && (text[0] == '\t' || text[0] == '\n') {
			return "'" + text
		}
		return text
	}
	if number, plus := strings.CutPrefix(text, "+"); plus && number != "" && strings.Trim(number, "0123456789") == "" {
		return text
	}
	return "'" + text
}

// firstRune is the length of the first character in bytes.
func firstRune(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}
