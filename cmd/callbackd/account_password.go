package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"callbackd/accounts"
)

const passwordHelp = "The password is asked for on a terminal, and otherwise read from standard input, up\n" +
	"to the end of the line; or it stands in the file of --password-file. It is never an\n" +
	"argument, for everybody on the machine sees those."

// maxPasswordInput is how much is read in search of a line's end.
const maxPasswordInput = 8 * accounts.MaxPasswordLength

// passwordSource says where a new password comes from.
type passwordSource struct{ file string }

func (s *passwordSource) add(command *cobra.Command) {
	command.Flags().StringVar(&s.file, "password-file", "", "`file` that holds the password (default the terminal or standard input)")
}

func (s *passwordSource) read(cmd *cobra.Command) (string, error) {
	if s.file != "" {
		f, err := os.Open(s.file)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		defer f.Close()
		return readLine(f)
	}
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return askPassword(cmd.Context(), f, cmd.ErrOrStderr())
	}
	return readLine(cmd.InOrStdin())
}

// readLine returns the first line, without its end.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordInput)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("read password: the line is empty")
	}
	return line, nil
}

// askPassword asks for a password twice, since it is not shown.
func askPassword(ctx context.Context, terminal *os.File, w io.Writer) (string, error) {
	var answers [2]string
	for i, question := range []string{"Password: ", "Again: "} {
		fmt.Fprint(w, question)
		answer, err := readHidden(ctx, terminal)
		fmt.Fprintln(w)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		answers[i] = answer
	}
	switch {
	case answers[0] != answers[1]:
		return "", errors.New("read password: the two are not the same")
	case answers[0] == "":
		return "", errors.New("read password: it is empty")
	default:
		return answers[0], nil
	}
}

// readHidden reads a line that is not shown. When ctx ends meanwhile, the
// terminal shows again what is typed; reading cannot be interrupted, so that
// goroutine stays until the program ends, which it is about to.
func readHidden(ctx context.Context, terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type result struct {
		line []byte
		err  error
	}
	results := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		results <- result{line, err}
	}()
	select {
	case r := <-results:
		return string(r.line), r.err
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), term.Restore(fd, before))
	}
}
