package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/recording"
)

// fileSound is a sound in a file, as the library opens it.
type fileSound struct {
	*os.File
	info os.FileInfo
}

func (f fileSound) Size() int64        { return f.info.Size() }
func (f fileSound) ModTime() time.Time { return f.info.ModTime() }

func openFile(path string) (recording.Sound, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	return fileSound{file, info}, err
}

// benchWorld is a world whose recording is a file of ten minutes.
func benchWorld(b *testing.B) (w *world, id recording.ID, path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "sound.wav")
	if err := os.WriteFile(path, wav(600), 0o600); err != nil {
		b.Fatal(err)
	}
	w = newWorld(b, nil)
	id = w.recording(1, 600)
	w.sounds.file = path
	// With buffers as usual: those of the tests' server are small.
	server := httptest.NewServer(w.handler)
	b.Cleanup(server.Close)
	w.url = server.URL + basePath
	return w, id, path
}

// A seek, to the 64 KiB that a player needs before it goes on, beside
// http.ServeFile of the same file.
func BenchmarkPlayback_Seek(b *testing.B) {
	w, id, path := benchWorld(b)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie := w.login("sato")
	url := w.url + w.begin(cookie, id)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
	b.Cleanup(plain.Close)
	conn, err := pgx.Connect(b.Context(), w.database)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	for name, url := range map[string]string{"playback": url, "ServeFile": plain.URL} {
		b.Run(name, func(b *testing.B) {
			client, random := &http.Client{}, rand.New(rand.NewPCG(1, 2))
			var first time.Duration
			buffer := make([]byte, 64<<10)
			for b.Loop() {
				b.StopTimer()
				// Nobody seeks so often: begin with a full budget each time.
				if _, err := conn.Exec(b.Context(), `DELETE FROM playback_budgets`); err != nil {
					b.Fatal(err)
				}
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
				if err != nil {
					b.Fatal(err)
				}
				from := random.Int64N(500 * byteRate)
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+int64(len(buffer))-1))
				r.AddCookie(&http.Cookie{Name: accounts.PlainCookieName, Value: cookie})
				b.StartTimer()
				begun := time.Now()
				response, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(response.Body, buffer[:1]); err != nil {
					b.Fatal(err)
				}
				first += time.Since(begun)
				if _, err := io.ReadFull(response.Body, buffer[1:]); err != nil {
					b.Fatal(err)
				}
				response.Body.Close()
			}
			b.ReportMetric(float64(first.Nanoseconds())/float64(b.N), "ns-to-first-byte/op")
		})
	}
}

// Many people listen at their pace, from another process: what each costs.
func BenchmarkPlayback_Listeners(b *testing.B) {
	const listeners, settled, measured = 500, 12 * time.Second, 20 * time.Second
	w, id, _ := benchWorld(b)
	var list strings.Builder
	for i := range listeners {
		name := fmt.Sprintf("listener-%d", i)
		w.account(name, accounts.RoleAgent, "", "support")
		cookie := w.login(name)
		fmt.Fprintln(&list, strings.TrimPrefix(w.url, "http://")+w.begin(cookie, id), cookie)
	}
	for b.Loop() {
		runtime.GC()
		memory := inUse()
		child := exec.CommandContext(b.Context(), os.Args[0])
		child.Env = append(os.Environ(), listenersVariable+"=1")
		child.Stdin, child.Stderr = strings.NewReader(list.String()), os.Stderr
		heard, err := child.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := child.Start(); err != nil {
			b.Fatal(err)
		}
		counts := bufio.NewScanner(heard)
		total := func() (bytes int64) {
			if !counts.Scan() {
				b.Fatal("the listeners are gone")
			}
			if _, err := fmt.Sscan(counts.Text(), &bytes); err != nil {
				b.Fatal(err)
			}
			return bytes
		}
		for begun := time.Now(); time.Since(begun) < settled; {
			total()
		}
		from, cpu, transactions, begun := total(), cpuTime(b), w.transactions(), time.Now()
		for time.Since(begun) < measured {
			total()
		}
		bytes, took := total()-from, time.Since(begun)
		seconds := took.Seconds() * listeners
		b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/seconds, "cpu-µs/listener-s")
		b.ReportMetric((w.transactions()-transactions)/seconds, "transactions/listener-s")
		b.ReportMetric(float64(bytes)/byteRate/seconds, "sound-s/listener-s")
		runtime.GC()
		b.ReportMetric(float64(inUse()-memory)/listeners, "B/listener")
		if err := child.Process.Kill(); err != nil {
			b.Fatal(err)
		}
		_ = child.Wait() // says that it was killed
	}
}

// inUse is what the process holds of memory for its heap and stacks.
func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// transactions is how many the database has made.
func (w *world) transactions() (n float64) {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(),
		`SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// listenersVariable makes the test's program the listeners of the benchmark.
const listenersVariable = "CALLBACKD_TEST_LISTENERS"

// listen connects for each line of its input, an address and a cookie, reads
// what comes, and tells each second how many bytes came.
func listen() {
	var total atomic.Int64
	var group sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		url, cookie, _ := strings.Cut(lines.Text(), " ")
		host, path, _ := strings.Cut(url, "/")
		group.Go(func() {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\nRange: bytes=0-\r\n\r\n", path, host, accounts.PlainCookieName, cookie)
			buffer := make([]byte, 4096)
			for {
				n, err := conn.Read(buffer)
				total.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	for range time.Tick(time.Second) {
		fmt.Println(total.Load())
	}
}
