package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"callbackd/lab"
)

// sipp runs the program sipp against a PBX.
type sipp struct {
	pbx      *lab.Asterisk
	port     int // own
	scenario []string
	// service is the number that is called or registered.
	service string
}

// start starts it, to run for one call and no longer than the test.
func (s sipp) start(t *testing.T) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("sipp is not installed: apt-get install sip-tester")
	}
	// Not the test's context: that ends before the clean-up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	args := append([]string{
		s.pbx.SIP, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-s", s.service, "-m", "1",
		"-nostdin", "-nd", "-timeout", "50s",
	}, s.scenario...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	// What the scenarios play: half a second of a buzz in µ-law, repeated.
	buzz := bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0xa0, 0xa0, 0xa0, 0xa0}, 500)
	if err := os.WriteFile(filepath.Join(cmd.Dir, "buzz.ulaw"), buzz, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return cmd
}

// run runs it and waits for its success.
func (s sipp) run(t *testing.T) {
	t.Helper()
	wait(t, s.start(t))
}

func wait(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("sipp %v: %v", cmd.Args[1:], err)
	}
}

// answer registers the phone and has it take one call. Nobody hangs up by
// himself: that is for the test, by hangUp.
func answer(t *testing.T, pbx *lab.Asterisk, phone string) *exec.Cmd {
	t.Helper()
	port := freePort(t)
	sipp{
		pbx: pbx, port: port, service: phone,
		scenario: []string{"-sf", scenario("register"), "-au", phone, "-ap", pbx.PhonePassword},
	}.run(t)
	return sipp{pbx: pbx, port: port, service: phone, scenario: []string{"-sf", scenario("answer")}}.start(t)
}

// fromTrunk is a call from outside by the caller, a SIP address with name.
func fromTrunk(t *testing.T, pbx *lab.Asterisk, caller, number string) sipp {
	t.Helper()
	return sipp{
		pbx: pbx, port: freePort(t), service: number,
		scenario: []string{
			"-sf", scenario("call"), "-key", "caller", caller,
			"-key", "trunk_header", lab.TrunkHeader + ": " + lab.TrunkHeaderValue,
		},
	}
}

// fromPhone is a call by one of the phones.
func fromPhone(t *testing.T, pbx *lab.Asterisk, phone, number string) sipp {
	t.Helper()
	return sipp{
		pbx: pbx, port: freePort(t), service: number,
		scenario: []string{"-sf", scenario("dial"), "-key", "phone", phone, "-au", phone, "-ap", pbx.PhonePassword},
	}
}

// hangUp ends all calls.
func hangUp(t *testing.T, a *lab.Asterisk) {
	t.Helper()
	if _, err := a.CLI(t.Context(), "channel request hangup all"); err != nil {
		t.Fatal(err)
	}
}

// scenario returns the absolute path of a scenario, as sipp runs in a folder
// of its own for the files that it likes to write.
func scenario(name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", "sipp", name+".xml"))
	if err != nil {
		panic(err) // the tests' folder is gone
	}
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(fmt.Errorf("port of %s: %w", address, err))
	}
	return n
}
