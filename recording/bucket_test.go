package recording

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// service is the little of S3 that a bucket uses: objects are got by ranges,
// looked at, removed and listed.
type service struct {
	mu       sync.Mutex
	objects  map[string][]byte
	requests atomic.Int64
	// broken answers everything with 403.
	broken atomic.Bool
}

const bucketOfTests = "recordings"

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/"+bucketOfTests+"/")
	object, found := s.objects[key]
	switch {
	case s.broken.Load() || !strings.Contains(r.Header.Get("Authorization"), "Credential=reader/"):
		refuse(w, http.StatusForbidden, "AccessDenied")
	case r.URL.Query().Has("location"):
		write(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">ap-northeast-1</LocationConstraint>`)
	case r.URL.Query().Has("list-type"):
		s.list(w, r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !found:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		sum := md5.Sum(object)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		w.Header().Set("Content-Type", "audio/x-wav")
		http.ServeContent(w, r, "", time.Unix(1700000000, 0), bytes.NewReader(object))
	}
}

func (s *service) list(w http.ResponseWriter, prefix, after string) {
	type content struct {
		Key, LastModified, ETag string
		Size                    int
	}
	var answer struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, Prefix          string
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	const most = 2
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if len(answer.Contents) == most {
			answer.IsTruncated, answer.NextContinuationToken = true, answer.Contents[most-1].Key
			break
		}
		answer.Contents = append(answer.Contents, content{key, "2023-11-14T22:13:20.000Z", `"x"`, len(s.objects[key])})
	}
	answer.Name, answer.Prefix, answer.KeyCount, answer.MaxKeys = bucketOfTests, prefix, len(answer.Contents), most
	text, err := xml.Marshal(answer)
	if err != nil {
		panic(err)
	}
	write(w, string(text))
}

func write(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/xml")
	if _, err := io.WriteString(w, text); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	write(w, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
}

// newBucket returns a bucket and the service that it is in.
func newBucket(t *testing.T, region string) (*Bucket, *service) {
	t.Helper()
	s := &service{objects: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	b, err := NewBucket(BucketOptions{
		Endpoint: server.URL, Bucket: bucketOfTests, Prefix: "/pbx1/", Region: region, AccessKey: "reader", SecretKey: "secret",
		Transport: server.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

func TestBucket_Open(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"", "ap-northeast-1"} {
		b, s := newBucket(t, region)
		long := make([]byte, 2*bucketBlock+1000)
		for i := range long {
			long[i] = byte(i * 7 / 3)
		}
		s.objects["pbx1/2026/録音 1.wav"], s.objects["secret.wav"], s.objects["pbx1/empty.wav"] = long, []byte("secret"), nil
		sound, err := b.Open(t.Context(), "2026/録音 1.wav")
		if err != nil {
			t.Fatal(err)
		}
		if sound.Size() != int64(len(long)) || !sound.ModTime().Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%d bytes of %s", sound.Size(), sound.ModTime())
		}
		before := s.requests.Load()
		if got := contents(t, sound); got != string(long) {
			t.Errorf("read %d bytes that differ", len(got))
		}
		if n := s.requests.Load() - before; n != 3 {
			t.Errorf("all was read by %d requests, want one a block", n)
		}
		for _, span := range [][2]int{{0, 44}, {bucketBlock - 10, bucketBlock + 10}, {2*bucketBlock + 999, 2*bucketBlock + 1000}} {
			part := make([]byte, span[1]-span[0])
			if n, err := sound.ReadAt(part, int64(span[0])); n != len(part) || err != nil || !bytes.Equal(part, long[span[0]:span[1]]) {
				t.Errorf("ReadAt %v: %d, %v", span, n, err)
			}
		}
		part := make([]byte, 2000)
		if n, err := sound.ReadAt(part, 2*bucketBlock); n != 1000 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt over the end: %d, %v", n, err)
		}
		if _, err := sound.ReadAt(part, -1); err == nil {
			t.Error("ReadAt before the beginning succeeded")
		}
		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				at := i * len(long) / 10
				part := make([]byte, 5000)
				if n, err := sound.ReadAt(part, int64(at)); n != len(part) || err != nil || !bytes.Equal(part, long[at:at+n]) {
					t.Errorf("ReadAt %d beside others: %d, %v", at, n, err)
				}
			})
		}
		readers.Wait()

		// What was replaced is not mixed with what was read before.
		s.mu.Lock()
		s.objects["pbx1/2026/録音 1.wav"] = bytes.Repeat([]byte("x"), len(long))
		s.mu.Unlock()
		if _, err := sound.ReadAt(part, 0); err == nil {
			if _, err = sound.ReadAt(part, bucketBlock); err == nil {
				t.Error("another object was read as the same")
			}
		}
		if _, err := b.Open(t.Context(), "secret.wav"); !errors.Is(err, fs.ErrNotExist) || causeOf(err) != CauseAbsent {
			t.Errorf("Open of nothing: %v", err)
		}
		s.broken.Store(true)
		if _, err := b.Open(t.Context(), "2026/録音 1.wav"); err == nil || causeOf(err) != CauseUnreadable {
			t.Errorf("Open without the right: %v", err)
		}
	}
}

func TestBucket_WalkAndRemove(t *testing.T) {
	t.Parallel()
	b, s := newBucket(t, "")
	for _, key := range []string{"pbx1/a.wav", "pbx1/b/c.wav", "pbx1/b/", "pbx10/d.wav", "pbx1/../e.wav", "pbx1/f.wav"} {
		s.objects[key] = []byte(key)
	}
	walk := func() map[string]int64 {
		t.Helper()
		got := map[string]int64{}
		if err := b.Walk(t.Context(), func(name string, info FileInfo) error {
			got[name] = info.Size
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(map[string]int64{"a.wav": 10, "b/c.wav": 12, "f.wav": 10}, walk()); diff != "" {
		t.Errorf("Walk (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := b.Remove(t.Context(), "b/c.wav"); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(map[string]int64{"a.wav": 10, "f.wav": 10}, walk()); diff != "" {
		t.Errorf("after Remove (-want +got):\n%s", diff)
	}
	ended := errors.New("enough")
	if err := b.Walk(t.Context(), func(string, FileInfo) error { return ended }); !errors.Is(err, ended) {
		t.Errorf("Walk that is ended: %v", err)
	}
	s.broken.Store(true)
	if err := b.Walk(context.WithoutCancel(t.Context()), func(string, FileInfo) error { return nil }); err == nil {
		t.Error("Walk without the right succeeded")
	}
	if err := b.Remove(t.Context(), "a.wav"); err == nil {
		t.Error("Remove without the right succeeded")
	}
	if _, err := NewBucket(BucketOptions{Endpoint: "no URL"}); err == nil {
		t.Error("NewBucket without a URL succeeded")
	}
}
