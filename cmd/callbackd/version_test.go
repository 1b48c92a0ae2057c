package main

import (
	"runtime/debug"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{
		GoVersion: "go1.26.0",
		Main:      debug.Module{Version: "v0.0.0-20260102030405-0123456789ab+dirty"},
		Settings:  []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}},
	}
	want := "callbackd v0.0.0-20260102030405-0123456789ab+dirty go1.26.0 linux/amd64"
	if got := describeBuild(info); got != want {
		t.Errorf("describeBuild = %q, want %q", got, want)
	}
}
