// Package probe owns finding out who may do what with the files: it asks as a stranger would, and as the application does.
//
// It stores files of its own under names that nobody can guess, and removes them again.
package probe

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/checkup"
)

// Checks, by the names under which results are told.
const (
	Readable    = "readable"     // a file that is known can be read where people get files (F4)
	PrivateRead = "private_read" // archives and uploads as they came cannot (F4)
	Written     = "written"      // strangers cannot write (F4)
	Deleted     = "deleted"      // strangers cannot delete (F4)
	ACL         = "acl"          // access lists and policies are not told (F4)
	ListV2      = "list_v2"      // the bucket is not listed: GET ?list-type=2 (F5)
	ListV1      = "list_v1"      // nor by the older GET ?prefix= (F5)
	Versions    = "versions"     // nor its versions and unfinished uploads (F5)
	Buckets     = "buckets"      // nor the server's buckets (F5)
	Index       = "index"        // no index of a folder is shown where people get files (F5)
	Own         = "own"          // the application can put, read, list and delete its own files (F7)
	OthersList  = "others_list"  // the application is not shown other buckets (F7)
	OthersRead  = "others_read"  // nor reads in them (F7)
)

// ids are the requirements that checks belong to.
var ids = map[string]string{
	Readable: "F4", PrivateRead: "F4", Written: "F4", Deleted: "F4", ACL: "F4", ListV2: "F5", ListV1: "F5", Versions: "F5", Buckets: "F5", Index: "F5",
	Own: "F7", OthersList: "F7", OthersRead: "F7",
}

// Result is what a check found.
type Result struct {
	Check string        `json:"check"`
	ID    string        `json:"id"`
	Level checkup.Level `json:"level"`
	Says  string        `json:"says"`
}

// Target says what is asked.
type Target struct {
	// Files is where files are kept, with the application's credentials.
	Files blob.Store
	// Bucket is the S3 server's part of that, which is asked too; nil for Files itself when it is such a store, and for none otherwise.
	Bucket *s3.Store
	// Public is where people get files, with or without a slash at its end.
	Public string
	// Other is a further bucket that the application must not read; "" for only those that it is shown.
	Other string
	// Unreachable is how bad it is when Public does not answer; "" is checkup.Failure. A server that is not running yet is none.
	Unreachable checkup.Level
	// Roots are the authorities to trust; nil for the system's.
	Roots *x509.CertPool
	// Transport replaces the connections of the stranger, in tests.
	Transport http.RoundTripper
}

const (
	// folder and secrets are where the files lie that are stored to be asked for.
	folder  = "media_attachments/probe"
	secrets = "archives/probe"
	// cleanLimit bounds the removal of our own files, also when the rest was broken off.
	cleanLimit = 30 * time.Second
)

// prober is one run.
type prober struct {
	Target
	ask     client
	bucket  *s3.Store // nil for none
	at      string    // of the bucket, as a stranger asks it; "" for none
	public  string
	known   string
	hidden  string
	body    string
	strewn  []string // names that strangers may have written
	results []Result
}

// prepare names the files of a run.
func prepare(t Target) *prober {
	return &prober{Target: t, ask: newClient(t), public: strings.TrimRight(t.Public, "/") + "/", known: blob.Name(folder, ".png"), hidden: blob.Name(secrets, ".zip"), body: "\x89PNG\r\n\x1a\n" + rand.Text()}
}

// Works looks whether the application can store, read, list and delete files, and asks nothing else. An error says what it cannot.
func Works(ctx context.Context, files blob.Store) error {
	p := prepare(Target{Files: files})
	defer p.ask.close()
	defer p.clean(ctx)
	err := p.own(ctx)
	for _, r := range p.results {
		if r.Level == checkup.Failure {
			return errors.New(r.Says)
		}
	}
	return err
}

// Run asks everything. An error is that nothing could be asked; what is wrong otherwise is in the results.
func Run(ctx context.Context, t Target) ([]Result, error) {
	p := prepare(t)
	defer p.ask.close()
	p.bucket = t.Bucket
	if itself, ok := t.Files.(*s3.Store); ok && p.bucket == nil {
		p.bucket = itself
	}
	if p.bucket != nil {
		at, err := p.bucket.Address(ctx)
		if err != nil {
			return nil, fmt.Errorf("probing files: %w", err)
		}
		p.at = at
	}
	for _, name := range []string{"incoming/probe-" + rand.Text(), folder + "/" + rand.Text(), "probe-" + rand.Text()} {
		p.strewn = append(p.strewn, strings.ToLower(name))
	}
	defer p.clean(ctx)
	if err := p.own(ctx); err != nil {
		return p.results, fmt.Errorf("probing files: %w", err)
	}
	p.reading(ctx)
	p.listing(ctx)
	p.writing(ctx)
	if p.bucket != nil {
		p.others(ctx)
	}
	return p.results, ctx.Err()
}

// clean removes what was stored.
func (p *prober) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
	defer cancel()
	for _, name := range append([]string{p.known, p.hidden}, p.strewn...) {
		_ = p.Files.Delete(ctx, name) // those that are not there are fine; one that stays is a few bytes that nobody finds
	}
}

func (p *prober) add(check string, level checkup.Level, format string, args ...any) {
	p.results = append(p.results, Result{check, ids[check], level, fmt.Sprintf(format, args...)})
}

// own stores what is asked for later, and looks whether the application may do all that it does.
func (p *prober) own(ctx context.Context) error {
	for _, name := range []string{p.known, p.hidden} {
		if err := p.Files.Put(ctx, name, strings.NewReader(p.body), int64(len(p.body))); err != nil {
			p.add(Own, checkup.Failure, "the application cannot store files: %v", err)
			return err
		}
	}
	if body, err := p.stored(ctx); err != nil || body != p.body {
		p.add(Own, checkup.Failure, "the application cannot read what it stored: %v", err)
		return errors.Join(errors.New("what was stored cannot be read"), err)
	}
	seen := false
	err := p.Files.Walk(ctx, p.known, "", func(i blob.Info) error {
		seen = seen || i.Name == p.known
		return nil
	})
	if err != nil || !seen {
		p.add(Own, checkup.Failure, "the application cannot list its files (s3:ListBucket): %v", err)
		return nil
	}
	gone := blob.Name(folder, ".png")
	if err := p.Files.Put(ctx, gone, strings.NewReader(""), 0); err == nil {
		err = p.Files.Delete(ctx, gone)
		if err == nil {
			_, err = p.Files.Stat(ctx, gone)
		}
		if err == nil || !isGone(err) {
			p.add(Own, checkup.Failure, "the application cannot delete its files (s3:DeleteObject): %v", err)
			return nil
		}
	}
	p.add(Own, checkup.OK, "the application stores, reads, lists and deletes its files")
	return nil
}

// others looks whether the application's key opens more than its own bucket.
func (p *prober) others(ctx context.Context) {
	names, refused, err := p.bucket.OtherBuckets(ctx)
	switch {
	case err != nil:
		p.add(OthersList, checkup.Warning, "%v", err)
	case len(names) > 0:
		p.add(OthersList, checkup.Warning, "the application's key is shown other buckets (%s): give it a key for its own alone, see gomph media policy --for application", some(names))
	case refused:
		p.add(OthersList, checkup.OK, "the application's key may not ask for other buckets")
	default:
		p.add(OthersList, checkup.OK, "the application's key is shown no other bucket")
	}
	if p.Other != "" {
		names = append([]string{p.Other}, names...)
	}
	for _, name := range names[:min(len(names), mostOthers)] {
		reads, err := p.bucket.ReadsBucket(ctx, name)
		if err != nil {
			p.add(OthersRead, checkup.Warning, "%v", err)
			return
		}
		if reads {
			p.add(OthersRead, checkup.Warning, "the application's key reads the bucket %s: give it a key for its own alone, see gomph media policy --for application", name)
			return
		}
	}
	if len(names) == 0 {
		p.add(OthersRead, checkup.OK, "no other bucket is known to try")
		return
	}
	p.add(OthersRead, checkup.OK, "the application's key does not read other buckets")
}

// mostOthers bounds how many other buckets are tried: one that can be read tells enough.
const mostOthers = 5

func some(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
