package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const containers = "../../configs/container"

// The compose file is one by the reference's own reader and schema; whatever
// it names is there; and what runs callbackd may do nothing that it need not.
func TestContainer_Compose(t *testing.T) {
	t.Parallel()
	project := composed(t)
	stages := containerStages(t)
	for name, service := range project.Services {
		if service.Image == "" || service.Build == nil && !strings.Contains(service.Image, ":") {
			t.Errorf("%s has neither a build nor an image with a version", name)
		}
		if b := service.Build; b != nil && (!slices.ContainsFunc(stages, func(s instructions.Stage) bool { return s.Name == b.Target }) ||
			!exists(filepath.Join(b.Context, b.Dockerfile))) {
			t.Errorf("%s is built of stage %s of %s: there is none", name, b.Target, b.Dockerfile)
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind && !exists(volume.Source) {
				t.Errorf("%s mounts %s, which is not there", name, volume.Source)
			}
		}
	}
	for _, name := range []string{"callbackd", "migrate"} {
		service := project.Services[name]
		if !service.ReadOnly || service.User != "65532:65532" || !slices.Equal(service.CapDrop, []string{"ALL"}) ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it need: %+v", name, service)
		}
	}
	// What is run is there.
	commands := [][]string{project.Services["migrate"].Command, project.Services["callbackd"].Command}
	check, isCallbackd := strings.CutPrefix(strings.Join(project.Services["callbackd"].HealthCheck.Test, " "), "CMD /usr/bin/callbackd ")
	if !isCallbackd {
		t.Errorf("the image has no program for the health check %v", project.Services["callbackd"].HealthCheck.Test)
	}
	for _, command := range append(commands, strings.Fields(check)) {
		if code, _, stderr := execute(t, append(command, "--help")...); code != exitOK {
			t.Errorf("callbackd has no subcommand %q: %s", command, stderr)
		}
	}
}

// composed returns the compose file, read and checked.
func composed(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(containers, "compose.yaml")}, cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// containerStages returns the stages of the Containerfile, as BuildKit reads it.
func containerStages(t *testing.T) []instructions.Stage {
	t.Helper()
	file, err := os.Open(filepath.Join(containers, "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("%s: %v", warning.Short, warning.Location)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// The secrets that compose.yaml names are those that secrets.sh makes; with
// them, where it mounts them, the configuration that it mounts is right.
func TestContainer_Configuration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "secrets.sh"), readFile(t, filepath.Join(containers, "secrets.sh")), 0o600)
	made := block(t, readFile(t, "../../docs/operations.md"), "sh", "secrets.sh")
	shell(t, folder, made+"! sh secrets.sh 2>/dev/null")
	project := composed(t)
	for name, secret := range project.Secrets {
		if filepath.Base(secret.File) != name || !exists(filepath.Join(folder, "secrets", name)) {
			t.Errorf("secret %s is %s, which secrets.sh does not make", name, secret.File)
		}
	}
	service := project.Services["callbackd"]
	for _, secret := range service.Secrets {
		if project.Secrets[secret.Source].File == "" {
			t.Errorf("there is no secret %s", secret.Source)
		}
	}
	if got := service.Environment["CREDENTIALS_DIRECTORY"]; got == nil || *got != "/run/secrets" {
		t.Error("callbackd does not look for its secrets where compose puts them")
	}
	mounted := slices.IndexFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/etc/callbackd/callbackd.yaml" })
	if mounted < 0 {
		t.Fatal("no configuration is mounted")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), program, "check", service.Volumes[mounted].Source)
	check.Env = []string{mainEnv + "=1", "CREDENTIALS_DIRECTORY=" + filepath.Join(folder, "secrets")}
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
}

// The Asterisk beside it gets the password that callbackd has, and keeps the
// others. What only its container has is left out.
func TestContainer_AsteriskPassword(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	instance := filepath.Join(folder, "instance.conf")
	sample := readFile(t, "../../configs/asterisk/instance.conf")
	writeFile(t, instance, sample, 0o600)
	writeFile(t, filepath.Join(folder, "pbx1-password"), "of & callbackd", 0o600)
	script := strings.NewReplacer("/run/secrets", folder, "/etc/asterisk", folder, " -g asterisk", "", "install -d -o asterisk", "true", "exec asterisk", "true").
		Replace(readFile(t, filepath.Join(containers, "asterisk.sh")))
	shell(t, folder, script)
	want := strings.Replace(sample, "password = change-me-ari\n", "password = of & callbackd\n", 1)
	if got := readFile(t, instance); got != want || want == sample {
		t.Errorf("instance.conf (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// The image is built by `make build`, which TestPackage runs, of files that
// are there; and it has the program, no more, and no rights.
func TestContainer_Image(t *testing.T) {
	t.Parallel()
	stages := containerStages(t)
	builds := false
	for _, stage := range stages {
		for _, command := range stage.Commands {
			switch c := command.(type) {
			case *instructions.RunCommand:
				builds = builds || stage.Name == "build" && slices.Equal(c.CmdLine, []string{"make build"})
			case *instructions.CopyCommand:
				for _, source := range c.SourcePaths {
					if found, err := filepath.Glob(filepath.Join("../..", source)); c.From == "" && (err != nil || len(found) == 0) {
						t.Errorf("stage %s copies %s, which is not there", stage.Name, source)
					}
				}
			}
		}
	}
	if !builds {
		t.Error("no stage runs make build")
	}
	last := stages[len(stages)-1]
	if last.Name != "callbackd" || last.BaseName != "scratch" {
		t.Errorf("the image is stage %s from %s, want callbackd from scratch", last.Name, last.BaseName)
	}
	if !slices.ContainsFunc(last.Commands, func(c instructions.Command) bool {
		user, ok := c.(*instructions.UserCommand)
		return ok && user.User == "65532:65532"
	}) {
		t.Error("the image runs as root")
	}
}
