package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// bucketPatience is how long a file may come late that the site copies to
	// the bucket. Sweeps find those that take longer.
	bucketPatience = 30 * time.Minute
	// bucketBlock is how much is asked of a bucket at once: 16 seconds of a
	// telephone's sound.
	bucketBlock = 256 << 10
	// bucketTimeout bounds each request but the listing.
	bucketTimeout = 30 * time.Second
	// bucketTries is how often a request is made that fails by the network or
	// the server's load.
	bucketTries = 3
)

// BucketOptions say where a bucket is.
type BucketOptions struct {
	// Endpoint is http:// or https:// and host:port.
	Endpoint string
	Bucket   string
	// Prefix is what the keys begin with; empty for nothing.
	Prefix string
	// Region is asked of the service when empty.
	Region               string
	AccessKey, SecretKey string
	// Transport makes the requests; nil for the usual one.
	Transport http.RoundTripper
}

// Bucket is a shelf in a bucket of an S3 service.
type Bucket struct {
	core   minio.Core
	bucket string
	// prefix ends with a slash, or is empty.
	prefix string
}

var _ Shelf = (*Bucket)(nil)

// NewBucket returns the shelf of a bucket. It asks nothing of the service yet.
func NewBucket(o BucketOptions) (*Bucket, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" {
		return nil, errors.New("open bucket: the endpoint is no URL")
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: u.Scheme == "https",
		Region: o.Region, Transport: o.Transport, MaxRetries: bucketTries,
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", o.Bucket, err)
	}
	prefix := strings.Trim(o.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Bucket{core: minio.Core{Client: client}, bucket: o.Bucket, prefix: prefix}, nil
}

// Traits implements Shelf.
func (*Bucket) Traits() Traits { return Traits{Patience: bucketPatience} }

// Open implements Shelf.
func (b *Bucket) Open(ctx context.Context, name string) (Sound, error) {
	statCtx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	info, err := b.core.StatObject(statCtx, b.bucket, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("look for object: %w", absentOr(err))
	}
	return &object{ctx: ctx, bucket: b, key: b.prefix + name, info: info, at: -1}, nil
}

// absentOr makes fs.ErrNotExist of the answer that there is no such object.
func absentOr(err error) error {
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// Remove implements Shelf.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	err := b.core.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
	if err = absentOr(err); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove object: %w", err)
	}
	return nil
}

// Walk implements Shelf.
func (b *Bucket) Walk(ctx context.Context, f func(name string, info FileInfo) error) error {
	// Ends the listing when f does.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for info := range b.core.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
		if info.Err != nil {
			return fmt.Errorf("list bucket: %w", info.Err)
		}
		name := strings.TrimPrefix(info.Key, b.prefix)
		if strings.HasSuffix(name, "/") || !filepath.IsLocal(name) {
			continue // what some tools make for folders
		}
		if err := f(name, FileInfo{Size: info.Size, ModTime: info.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// object is an object as it was when it was opened. It reads ahead by blocks,
// of which it keeps the last.
type object struct {
	ctx    context.Context //nolint:containedctx // of all that is done with it, as Opener says
	bucket *Bucket
	key    string
	info   minio.ObjectInfo

	mu    sync.Mutex
	block []byte
	at    int64 // where block begins; -1 for no block
}

// Size implements Sound.
func (o *object) Size() int64 { return o.info.Size }

// ModTime implements Sound.
func (o *object) ModTime() time.Time { return o.info.LastModified }

// Close implements Sound.
func (o *object) Close() error { return nil }

// ReadAt implements Sound.
func (o *object) ReadAt(b []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("read object: %w", fs.ErrInvalid)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(b) && at < o.info.Size {
		if err := o.load(at); err != nil {
			return n, err
		}
		copied := copy(b[n:], o.block[at-o.at:])
		n, at = n+copied, at+int64(copied)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// load makes the block that holds an offset the current one.
func (o *object) load(at int64) (err error) {
	if o.at >= 0 && o.at <= at && at < o.at+int64(len(o.block)) {
		return nil
	}
	start := at - at%bucketBlock
	end := min(start+bucketBlock, o.info.Size)
	var options minio.GetObjectOptions
	if err := errors.Join(options.SetRange(start, end-1), options.SetMatchETag(o.info.ETag)); err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	ctx, cancel := context.WithTimeout(o.ctx, bucketTimeout)
	defer cancel()
	body, _, _, err := o.bucket.core.GetObject(ctx, o.bucket.bucket, o.key, options)
	if err != nil {
		return fmt.Errorf("read object: %w", absentOr(err))
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	o.at = -1
	if int64(cap(o.block)) < end-start {
		o.block = make([]byte, bucketBlock)
	}
	o.block = o.block[:end-start]
	if _, err := io.ReadFull(body, o.block); err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	o.at = start
	return nil
}
