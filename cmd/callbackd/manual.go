package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"callbackd/configs"
)

// newManualCommand returns the subcommand with which packages are built. It is
// of no use to anybody else, and so in no help.
func newManualCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIR",
		Short:  "Write the manual pages into DIR/man1 and DIR/man5",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			header := doc.GenManHeader{Section: "1", Source: "callbackd " + version(), Manual: "callbackd"}
			commands, files := filepath.Join(args[0], "man1"), filepath.Join(args[0], "man5")
			for _, dir := range []string{commands, files} {
				if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // manuals are for all
					return err
				}
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &header, commands); err != nil {
				return fmt.Errorf("write the pages of the commands: %w", err)
			}
			page := configPage(string(configs.Example), header.Source)
			return os.WriteFile(filepath.Join(files, "callbackd.yaml.5"), page, 0o644) //nolint:gosec // likewise
		},
	}
}

// topKey is the line of a key that is within no other.
var topKey = regexp.MustCompile(`^([a-z_]+):`)

// configPage returns the manual page of the configuration, of the annotated
// example: its first comment is the description, and each key that is within no
// other has a section, with the comment above it as text.
func configPage(example, source string) []byte {
	var page bytes.Buffer
	fmt.Fprintf(&page, ".TH CALLBACKD.YAML 5 \"\" %q callbackd\n", source)
	fmt.Fprintf(&page, ".SH NAME\ncallbackd.yaml \\- configuration of callbackd\n")
	fmt.Fprintf(&page, ".SH SYNOPSIS\n.I /etc/callbackd/callbackd.yaml\n.SH DESCRIPTION\n")
	var comment []string
	inKey := false
	for line := range strings.Lines(example) {
		line = strings.TrimSuffix(line, "\n")
		text, isComment := strings.CutPrefix(line, "#")
		key := topKey.FindStringSubmatch(line)
		if inKey && (isComment || key != nil) {
			page.WriteString(".EE\n")
			inKey = false
		}
		switch {
		case isComment:
			comment = append(comment, strings.TrimSpace(text))
		case key != nil:
			fmt.Fprintf(&page, ".SH %s\n", strings.ToUpper(key[1]))
			writeText(&page, comment)
			fmt.Fprintf(&page, ".EX\n%s\n", roff(line))
			comment, inKey = nil, true
		case inKey:
			fmt.Fprintf(&page, "%s\n", roff(line))
		default: // an empty line below the first comment
			writeText(&page, comment)
			comment = nil
		}
	}
	page.WriteString(".EE\n.SH SEE ALSO\n.BR callbackd (1),\n.BR callbackd\\-check (1)\n")
	return page.Bytes()
}

// writeText writes lines of running text, of which an empty one parts
// paragraphs.
func writeText(page *bytes.Buffer, lines []string) {
	for _, line := range lines {
		if line == "" {
			line = ".PP"
		} else {
			line = roff(line)
		}
		fmt.Fprintf(page, "%s\n", line)
	}
	if len(lines) > 0 {
		page.WriteString(".PP\n")
	}
}

// roff returns a line of text as man shows it unchanged.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
