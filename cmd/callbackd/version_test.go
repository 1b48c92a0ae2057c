package main

import (
	"runtime/debug"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	t.Parallel()
	platform := []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}}
	commit := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"},
		{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
		{Key: "vcs.modified", Value: "true"},
	}
	tests := []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", platform, "callbackd v1.2.3 go1.26.0 linux/amd64"},
		{"(devel)", append(commit, platform...), "callbackd (devel) commit 0123456789ab with changes of 2026-01-02T03:04:05Z go1.26.0 linux/amd64"},
	}
	for _, tt := range tests {
		info := &debug.BuildInfo{GoVersion: "go1.26.0", Settings: tt.settings}
		info.Main.Version = tt.version
		if got := describeBuild(info); got != tt.want {
			t.Errorf("describeBuild = %q, want %q", got, tt.want)
		}
	}
}
