package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Pause holds the server still, with all its connections open: queries wait,
// and so do new connections, as when the machine's disk hangs. Linux only.
//
// A program that dies before Resume leaves the server where it is, held.
func (p *Postgres) Pause() error {
	if p.paused != nil {
		return nil
	}
	// The parent first, so that it starts no children meanwhile.
	if err := p.hold(p.process.pid()); err != nil {
		return err
	}
	children, err := childrenOf(p.process.pid())
	if err != nil {
		return errors.Join(err, p.Resume())
	}
	for _, pid := range children {
		// A backend may end at this very moment.
		if err := p.hold(pid); err != nil && !errors.Is(err, syscall.ESRCH) {
			return errors.Join(err, p.Resume())
		}
	}
	return nil
}

func (p *Postgres) hold(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause process %d of PostgreSQL: %w", pid, err)
	}
	p.paused = append(p.paused, pid)
	return nil
}

// Resume ends a Pause.
func (p *Postgres) Resume() error {
	var errs []error
	for _, pid := range p.paused {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("resume process %d of PostgreSQL: %w", pid, err))
		}
	}
	p.paused = nil
	return errors.Join(errs...)
}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	if len(stats) == 0 {
		return nil, errors.New("list processes: there is no /proc")
	}
	var children []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// "pid (name) state parent …", where the name may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		f := strings.Fields(rest)
		if len(f) < 2 || f[1] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}
