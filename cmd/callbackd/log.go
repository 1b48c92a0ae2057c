package main

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"callbackd/configs"
)

// logFlags go before what the configuration says of the log, also when it is
// read again.
type logFlags struct {
	wish configs.Log
	set  *pflag.FlagSet
}

func (f *logFlags) register(set *pflag.FlagSet) {
	f.set = set
	set.TextVar(&f.wish.Format, "log-format", configs.LogText, "how to log: `text` or json, instead of what the configuration says")
	set.TextVar(&f.wish.Level, "log-level", configs.LogLevel{}, "what to log: debug, `info`, warn or error, instead of what the configuration says")
	set.TextVar(&f.wish.Numbers, "log-numbers", configs.LogMasked, "phone numbers in the log: `masked` or full, instead of what the configuration says")
}

// over returns what the configuration says, but for the flags that are given.
func (f *logFlags) over(cfg configs.Log) configs.Log {
	if f.set.Changed("log-format") {
		cfg.Format = f.wish.Format
	}
	if f.set.Changed("log-level") {
		cfg.Level = f.wish.Level
	}
	if f.set.Changed("log-numbers") {
		cfg.Numbers = f.wish.Numbers
	}
	return cfg
}

// newLogger returns a logger of the format that is asked for, which names no
// phone number unless that is asked for, and cuts long texts. What it writes is
// up to level, which may change.
func newLogger(w io.Writer, cfg configs.Log, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: logAttr(cfg.Numbers != configs.LogFull)}
	if cfg.Format == configs.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
