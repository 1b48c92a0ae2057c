package api

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"callbackd/callbacks"
)

// ExportCallbacks answers with all callbacks of a filter as CSV.
func (o operations) ExportCallbacks(ctx context.Context, request ExportCallbacksRequestObject) (ExportCallbacksResponseObject, error) {
	filter, err := callbackFilter(ctx, request.Params)
	if err != nil {
		return nil, err
	}
	return &callbackExport{server: o.Server, ctx: ctx, filter: filter}, nil
}

// callbackExport is an export on its way to the caller.
type callbackExport struct {
	server *Server
	// ctx is the request's: the generated code passes none to what writes the
	// answer.
	ctx    context.Context
	filter callbacks.Filter
}

// VisitExportCallbacksResponse implements ExportCallbacksResponseObject. An
// error before the first bytes are sent becomes a problem document.
func (e *callbackExport) VisitExportCallbacksResponse(w http.ResponseWriter) error {
	out := e.server.newDownload(e.ctx, w)
	return out.finish(e.write(out.buffer))
}

func (e *callbackExport) write(file io.Writer) error {
	table, err := callbacks.NewCSV(file, callbacks.CSVOptions{
		English: languageFrom(e.ctx) == English, Location: e.server.options.Location,
	})
	if err != nil {
		return err
	}
	err = e.server.options.Callbacks.Export(e.ctx, principalFrom(e.ctx), e.filter, func(row callbacks.Row) error {
		return table.Write(&row)
	})
	if err != nil {
		return err
	}
	return table.Flush()
}

// download is a file on its way to a caller, however long it takes, as long
// as the caller reads.
type download struct {
	server  *Server
	w       http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context // the request's, to log
	buffer  *bufio.Writer
	begun   bool
	failed  bool // writing to the caller failed
}

func (s *Server) newDownload(ctx context.Context, w http.ResponseWriter) *download {
	d := &download{server: s, ctx: ctx, w: w, control: http.NewResponseController(w)}
	d.buffer = bufio.NewWriterSize(d, writeChunk)
	return d
}

// Write sends a part of the file, which the caller has to take in time.
func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		d.w.WriteHeader(http.StatusOK)
	}
	// Writers without deadlines, as in tests, do without.
	_ = d.control.SetWriteDeadline(time.Now().Add(d.server.options.StreamWriteTimeout))
	n, err := d.w.Write(p)
	d.failed = d.failed || err != nil
	return n, err
}

// finish sends what is left, or returns why the file could not be made while
// that can still be answered. When the file has begun it can not: then the
// connection is cut, so that a part is not taken for the whole.
func (d *download) finish(err error) error {
	if err == nil {
		err = d.buffer.Flush()
	}
	switch {
	case err == nil:
		return nil
	case !d.begun:
		return err
	default:
		// An error of the connection says that the caller went away, or is too
		// slow.
		if !d.failed {
			d.server.log.LogAttrs(d.ctx, slog.LevelWarn, "export was cut", slog.Any("err", err))
		}
		panic(http.ErrAbortHandler)
	}
}
