package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progressBar is one line on a terminal that says how far something is. On
// anything but a terminal it writes nothing: it would fill a log.
type progressBar struct {
	w     io.Writer // nil for nowhere
	stage string
	drawn time.Time
}

func newProgressBar(w io.Writer) *progressBar {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progressBar{w: w}
	}
	return &progressBar{}
}

const (
	// redrawEvery is short enough to look alive and too long to cost anything.
	redrawEvery = 100 * time.Millisecond

	// barWidth is the bar's width in characters. With the text around it, it
	// fits into the narrowest usual terminal.
	barWidth = 40

	eraseLine = "\r\x1b[K"
)

// show draws the bar anew when the stage is another one, or enough time has
// passed.
func (b *progressBar) show(stage string, done, total int) {
	if b.w == nil || stage == b.stage && time.Since(b.drawn) < redrawEvery {
		return
	}
	b.stage, b.drawn = stage, time.Now()
	percent := 100 * done / max(total, 1)
	part := barWidth * percent / 100
	fmt.Fprintf(b.w, "%s%-10s [%s%s] %3d%%", eraseLine, stage,
		strings.Repeat("#", part), strings.Repeat(".", barWidth-part), percent)
}

// clear takes the bar away.
func (b *progressBar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, eraseLine)
	}
}
