// Package s3 owns files on an S3 server: Amazon's, or any of the many that speak the same protocol.
//
// Requests are signed by version 4 with the SHA-256 of their body, and carry no other checksum: that is what every server of the kind takes.
package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// defaultRegion is Mastodon's, and what servers without regions expect in a signature.
	defaultRegion = "us-east-1"
	// defaultSize is the size of a part in bytes, and up to which a file goes in one request. A part that fails is sent again, which should
	// not be much; S3 allows parts from 5 MiB, and 10,000 of them.
	defaultSize = 16 << 20
	minSize     = 5 << 20
	maxParts    = 10_000
	// defaultOpen is Mastodon's default of S3_OPEN_TIMEOUT.
	defaultOpen = 5 * time.Second
	// defaultRead is longer than Mastodon's five seconds: a thousand files deleted, or a large one put together, take a slow server that long.
	defaultRead = 30 * time.Second
	// idleConnections are kept open to the server: as many as copy files at once.
	idleConnections = 64
	// idleFor is how long an unused connection is kept: less than the minute after which common proxies close it.
	idleFor = 50 * time.Second
)

// Options say where the files are and how they are stored.
type Options struct {
	// Endpoint is host[:port] or a URL without a path; "" is Amazon's s3.REGION.amazonaws.com.
	Endpoint string
	// Region is the region in signatures; "" is us-east-1.
	Region string
	// Bucket must be there already.
	Bucket string
	// AccessKey, SecretKey and Session are the credentials; Session is "" but for temporary ones.
	AccessKey, SecretKey, Session string
	// Protocol is "https" (also when it is "") or "http", for an Endpoint that does not say.
	Protocol string
	// PathStyle asks for ENDPOINT/BUCKET/KEY instead of BUCKET.ENDPOINT/KEY.
	PathStyle bool
	// Permission is the canned access list of public files, such as "public-read"; private ones get "private" then. "" sends none, for
	// servers and buckets that take none.
	Permission string
	// Prefix stands before every key, with a "/" between; "" for none.
	Prefix string
	// StorageClass is the class that files are stored in; "" is the server's default.
	StorageClass string
	// SingleRequest never sends a file in parts, for servers that cannot take them. Amazon takes 5 GiB at once.
	SingleRequest bool
	// MultipartAbove is the size in bytes from which on files are sent in parts, and PartSize a part's. 0 is 16 MiB; a part has 5 MiB at least.
	MultipartAbove, PartSize int64
	// OpenTimeout bounds connecting, ReadTimeout any silence of the server. 0 is 5 and 30 seconds.
	OpenTimeout, ReadTimeout time.Duration
	// Retries is how often a request is tried again that failed in a way that may pass.
	Retries int
	// Roots are the authorities to trust; nil for the system's.
	Roots *x509.CertPool
	// Transport replaces the connections to the server, in tests.
	Transport http.RoundTripper
	// Observe, when it is not nil, is told of every request that was sent: its class (ClassWrite, ClassRead or ClassDelete, as S3 is
	// billed), the bytes of its answer's body, and of its own. Several goroutines may call it at once.
	Observe func(class string, in, out int64)
}

// Store keeps files in a bucket. It is a blob.Store.
type Store struct {
	o      Options
	core   *minio.Core
	counts *counter
	host   string // as an admin knows it, for messages
	// fits is how many files the server deletes in one request in time, as far as is known.
	fits atomic.Int64
}

var _ blob.Store = (*Store)(nil)

// Open prepares a store. It sends nothing: Ping does.
func Open(o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("setting up S3: %w", err)
	}
	next := o.Transport
	if next == nil {
		next = transport(o)
	}
	s := &Store{o: o, host: o.Endpoint, counts: &counter{next: next, observe: o.Observe}}
	s.fits.Store(batch)
	lookup := minio.BucketLookupDNS
	switch {
	case o.PathStyle:
		lookup = minio.BucketLookupPath
	case strings.HasSuffix(o.Endpoint, ".amazonaws.com"):
		lookup = minio.BucketLookupAuto // by path where the bucket's name has a dot, which no certificate covers
	}
	core, err := minio.NewCore(o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.Session), Secure: o.Protocol == "https", Transport: s.counts,
		Region: o.Region, BucketLookup: lookup, MaxRetries: o.Retries + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up S3: %w", err)
	}
	s.core = core
	return s, nil
}

// complete fills in defaults and refuses what cannot work.
func (o *Options) complete() error {
	if o.Bucket == "" {
		return errors.New("there is no name of a bucket (S3_BUCKET)")
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return errors.New("there is no key (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
	}
	if o.Region == "" {
		o.Region = defaultRegion
	}
	if o.Endpoint == "" {
		o.Endpoint = "s3." + o.Region + ".amazonaws.com"
	}
	if err := o.splitEndpoint(); err != nil {
		return err
	}
	if o.Prefix = strings.Trim(o.Prefix, "/"); o.Prefix != "" {
		o.Prefix += "/"
	}
	for _, size := range []*int64{&o.MultipartAbove, &o.PartSize} {
		if *size == 0 {
			*size = defaultSize
		}
	}
	if o.PartSize < minSize {
		return fmt.Errorf("a part has %d bytes at least, not %d", minSize, o.PartSize)
	}
	if o.MultipartAbove < 0 || o.Retries < 0 || o.OpenTimeout < 0 || o.ReadTimeout < 0 {
		return errors.New("sizes, times and retries cannot be less than nothing")
	}
	if o.OpenTimeout == 0 {
		o.OpenTimeout = defaultOpen
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = defaultRead
	}
	return nil
}

// splitEndpoint makes host[:port] and a protocol of the endpoint.
func (o *Options) splitEndpoint() error {
	if strings.Contains(o.Endpoint, "://") {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("the address must be like https://s3.example.com, without a path, not %q (S3_ENDPOINT)", o.Endpoint)
		}
		o.Endpoint, o.Protocol = u.Host, u.Scheme
	}
	if o.Protocol == "" {
		o.Protocol = "https"
	}
	if o.Protocol != "https" && o.Protocol != "http" {
		return fmt.Errorf("the protocol must be https or http, not %q (S3_ENDPOINT, S3_PROTOCOL)", o.Protocol)
	}
	return nil
}

func transport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: o.OpenTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: o.OpenTimeout, ResponseHeaderTimeout: o.ReadTimeout,
		MaxIdleConns: idleConnections, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: idleFor,
		DisableCompression: true, // a file comes as it was stored
		TLSClientConfig:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
	}
}

// Close lets go of idle connections.
func (s *Store) Close() error {
	if t, ok := s.counts.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	return nil
}

func (s *Store) key(name string) string { return s.o.Prefix + name }

// Stat tells of a file.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	info, err := s.head(ctx, name)
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: info.Size, ModTime: info.LastModified}, nil
}

func (s *Store) head(ctx context.Context, name string) (minio.ObjectInfo, error) {
	if !blob.ValidName(name) {
		return minio.ObjectInfo{}, notFound()
	}
	info, err := s.core.StatObject(ctx, s.o.Bucket, s.key(name), minio.StatObjectOptions{})
	if err != nil {
		return info, s.failed("looking at "+name, "s3:GetObject, or s3:ListBucket without which a file that is not there is refused too", err)
	}
	return info, nil
}

// Presign makes an address by which anybody may read a file until ttl is over, from a second to seven days. It sends nothing, and does not
// look whether the file is there.
func (s *Store) Presign(ctx context.Context, name string, ttl time.Duration) (string, error) {
	if !blob.ValidName(name) {
		return "", notFound()
	}
	u, err := s.core.PresignedGetObject(ctx, s.o.Bucket, s.key(name), ttl, nil)
	if err != nil {
		return "", fmt.Errorf("making an address of %s: %w", name, err)
	}
	return u.String(), nil
}

func notFound() error {
	return errs.New(errs.NotFoundKind, "The page you are looking for isn't here.")
}
