package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// askLimit bounds one request.
	askLimit = 10 * time.Second
	// mostRead bounds how much of an answer is read in bytes: a list of a thousand names has 300 kB.
	mostRead = 1 << 20
)

// client asks without credentials. It follows no redirect.
type client struct{ http *http.Client }

func newClient(t Target) client {
	through := t.Transport
	if through == nil {
		through = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.Roots}}
	}
	return client{&http.Client{Timeout: askLimit, Transport: through, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c client) close() { c.http.CloseIdleConnections() }

// reply is an answer; status is 0 when none came.
type reply struct {
	address string
	status  int
	body    string
	err     error
}

func (r reply) good() bool { return r.status >= 200 && r.status < 300 }

// said is the answer in words.
func (r reply) said() string {
	if r.err != nil {
		return r.err.Error()
	}
	return fmt.Sprintf("%s answers %d", r.address, r.status)
}

func (c client) do(ctx context.Context, method, address, body string) reply {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return reply{address: address, err: err}
	}
	req.Header.Set("User-Agent", "Gomph media probe")
	res, err := c.http.Do(req)
	if err != nil {
		return reply{address: address, err: err}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostRead))
	return reply{address, res.StatusCode, string(text), err}
}

func (c client) get(ctx context.Context, address string) reply {
	return c.do(ctx, http.MethodGet, address, "")
}

// stored is the known file, read with credentials.
func (p *prober) stored(ctx context.Context) (string, error) {
	f, err := p.Files.Open(ctx, p.known)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, mostRead))
	return string(body), err
}

func isGone(err error) bool { return errs.IsNotFound(err) }

// object is where the bucket has a file; "" without a bucket.
func (p *prober) object(name string) string { return p.at + p.prefix() + name }

func (p *prober) prefix() string {
	if p.bucket == nil {
		return ""
	}
	return p.bucket.Prefix()
}

// places are the addresses of a file: where people get it, and in the bucket.
func (p *prober) places(name string) []string {
	out := []string{p.public + name}
	if p.bucket != nil && p.object(name) != out[0] {
		out = append(out, p.object(name))
	}
	return out
}

// reading looks who may read what.
func (p *prober) reading(ctx context.Context) {
	switch r := p.ask.get(ctx, p.public+p.known); {
	case r.err != nil:
		p.add(Readable, cmp.Or(p.Unreachable, checkup.Failure), "where people get files cannot be reached: %v", r.err)
	case r.status >= 300 && r.status < 400:
		p.add(Readable, checkup.Failure, "%s, a redirect: name the address that has the files (S3_HOSTNAME, S3_ALIAS_HOST, GOMPH_MEDIA_HOST)", r.said())
	case r.status != http.StatusOK:
		p.add(Readable, checkup.Failure, "people cannot get a file that is there: %s. Allow strangers s3:GetObject on public files (gomph media policy), or check the proxy in between", r.said())
	case r.body != p.body:
		p.add(Readable, checkup.Failure, "%s with another file than the one that is stored: it leads elsewhere", r.said())
	default:
		p.add(Readable, checkup.OK, "a file that is known can be read at %s", p.public)
	}
	for _, at := range p.places(p.hidden) {
		if r := p.ask.get(ctx, at); r.good() {
			p.add(PrivateRead, checkup.Failure, "strangers can read archives, which hold private posts: %s. Allow them s3:GetObject on public folders alone (gomph media policy), and close archives/, backups/ and incoming/ at the proxy", folderOf(r.address))
			return
		}
	}
	p.add(PrivateRead, checkup.OK, "archives cannot be read without a login")
	if p.bucket == nil {
		return
	}
	for _, at := range []string{p.object(p.known) + "?acl", p.at + "?acl", p.at + "?policy"} {
		if r := p.ask.get(ctx, at); r.good() && (strings.Contains(r.body, "AccessControlPolicy") || strings.Contains(r.body, `"Statement"`)) {
			p.add(ACL, checkup.Failure, "strangers can read access lists or policies at %s: do not allow s3:GetBucketAcl, s3:GetObjectAcl and s3:GetBucketPolicy to everybody", r.address)
			return
		}
	}
	p.add(ACL, checkup.OK, "access lists and policies are not told")
}

func folderOf(address string) string { return address[:strings.LastIndexByte(address, '/')+1] }

// lists are how answers begin that list.
var lists = regexp.MustCompile(`<(ListBucketResult|ListVersionsResult|ListMultipartUploadsResult|ListAllMyBucketsResult|EnumerationResults)\b`)

// listing looks whether names can be found out. Whoever has the names has the files, for names are all that keeps them from strangers.
func (p *prober) listing(ctx context.Context) {
	within := url.QueryEscape(p.prefix() + folder + "/")
	bases := []string{p.public}
	if p.bucket != nil {
		bases = append(bases, p.at)
	}
	for _, variant := range []struct {
		check   string
		queries []string
	}{
		{ListV2, []string{"?list-type=2", "?list-type=2&prefix=" + within}}, {ListV1, []string{"?prefix=", "", "?delimiter=%2F&prefix=" + within}},
		{Versions, []string{"?versions", "?uploads"}},
	} {
		var asked []string
		for _, base := range bases {
			for _, q := range variant.queries {
				asked = append(asked, base+q)
			}
		}
		p.list(ctx, variant.check, asked, "do not allow s3:ListBucket, s3:ListBucketVersions and s3:ListBucketMultipartUploads to everybody (gomph media policy)", func(r reply) bool { return lists.MatchString(r.body) || strings.Contains(r.body, path.Base(p.known)) })
	}
	if p.bucket != nil {
		p.list(ctx, Buckets, []string{p.bucket.Server()}, "do not allow s3:ListAllMyBuckets to everybody", func(r reply) bool { return lists.MatchString(r.body) })
	}
	p.index(ctx)
}

// list asks each address for a list.
func (p *prober) list(ctx context.Context, check string, addresses []string, remedy string, isList func(reply) bool) {
	var lost reply
	for _, at := range addresses {
		r := p.ask.get(ctx, at)
		if r.err != nil {
			lost = r
		}
		if r.good() && isList(r) {
			p.add(check, checkup.Failure, "strangers can list all files at %s, private ones too: %s", r.address, remedy)
			return
		}
	}
	if lost.err != nil {
		p.add(check, checkup.Warning, "it cannot be told whether %s lists: %v", lost.address, lost.err)
		return
	}
	p.add(check, checkup.OK, "no list at %s", addresses[len(addresses)-1])
}

// index asks for each folder of the known file where people get files.
func (p *prober) index(ctx context.Context) {
	var asked []string
	children := map[string]*regexp.Regexp{}
	parts := strings.Split(p.known, "/")
	for i := range parts {
		at := p.public + strings.Join(parts[:i], "/")
		if i > 0 {
			at += "/"
		}
		asked = append(asked, at)
		// As a link, as text between tags, or as a name in JSON.
		children[at] = regexp.MustCompile(`(?i)(href\s*=\s*["'][^"']*\b|>|"name"\s*:\s*")` + regexp.QuoteMeta(parts[i]) + `\b`)
	}
	p.list(ctx, Index, asked, "switch off the index of folders (autoindex, Indexes, browse) of what serves them", func(r reply) bool {
		return children[r.address].MatchString(r.body) || lists.MatchString(r.body)
	})
}

// writing looks whether strangers change anything. What is stored afterwards tells; what was answered does not.
func (p *prober) writing(ctx context.Context) {
	if at := p.write(ctx); at != "" {
		p.add(Written, checkup.Failure, "strangers can write files, as in %s: do not allow s3:PutObject to everybody (gomph media policy), and only GET and HEAD at the proxy", folderOf(at))
		_ = p.Files.Put(ctx, p.known, strings.NewReader(p.body), int64(len(p.body))) // for the next question
	} else {
		p.add(Written, checkup.OK, "strangers cannot write")
	}
	for _, at := range p.places(p.known) {
		r := p.ask.do(ctx, http.MethodDelete, at, "")
		if _, err := p.Files.Stat(ctx, p.known); isGone(err) {
			p.add(Deleted, checkup.Failure, "strangers can delete files, as in %s: do not allow s3:DeleteObject to everybody (gomph media policy), and only GET and HEAD at the proxy", folderOf(at))
			return
		} else if r.err != nil || err != nil {
			p.add(Deleted, checkup.Warning, "it cannot be told whether strangers can delete files: %v", errors.Join(r.err, err))
			return
		}
	}
	p.add(Deleted, checkup.OK, "strangers cannot delete")
}

// write tries to write everywhere, and tells where that worked; "" for nowhere.
func (p *prober) write(ctx context.Context) string {
	for _, name := range append([]string{p.known}, p.strewn...) {
		for _, at := range p.places(name) {
			p.ask.do(ctx, http.MethodPut, at, "written by a stranger")
			if name == p.known {
				if body, err := p.stored(ctx); err == nil && body != p.body {
					return at
				}
			} else if _, err := p.Files.Stat(ctx, name); err == nil {
				return at
			}
		}
	}
	return ""
}
