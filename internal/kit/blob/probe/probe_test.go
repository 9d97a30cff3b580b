package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

func run(t *testing.T, target probe.Target) map[string]probe.Result {
	t.Helper()
	list, err := probe.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]probe.Result{}
	for _, r := range list {
		if _, twice := out[r.Check]; twice || r.ID == "" {
			t.Errorf("told twice, or of no requirement: %+v", r)
		}
		out[r.Check] = r
	}
	left := 0
	if err := target.Files.Walk(t.Context(), "", "", func(blob.Info) error { left++; return nil }); err != nil || left > 0 {
		t.Errorf("%d files are left, %v", left, err)
	}
	return out
}

// reds are the checks that are not well, with how bad they are.
func reds(results map[string]probe.Result) string {
	var out []string
	for _, check := range []string{
		probe.Readable, probe.PrivateRead, probe.Written, probe.Deleted, probe.ACL, probe.ListV2, probe.ListV1, probe.Versions, probe.Buckets, probe.Index, probe.Own, probe.OthersList, probe.OthersRead,
	} {
		if r := results[check]; r.Level != "" && r.Level != checkup.OK {
			out = append(out, check+":"+string(r.Level))
		}
	}
	return strings.Join(out, " ")
}

// allowing is a statement that allows everybody something.
func allowing(resource string, actions ...string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["%s"],"Resource":["arn:aws:s3:::%s"]}`, strings.Join(actions, `","`), resource)
}

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// Each mistake turns exactly its own checks red (requirements F4, F5; OPS-01).
func TestPoliciesThatAreWrong(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	for _, c := range []struct {
		name, extra string
		objects     string
		want        string
	}{
		{name: "right", objects: "media_attachments/*"},
		{name: "nothing is allowed", want: "readable:failure"},
		{name: "archives too", objects: "*", want: "private_read:failure"},
		{name: "lists", objects: "media_attachments/*", extra: "s3:ListBucket", want: "list_v2:failure list_v1:failure versions:failure index:failure"},
		{name: "unfinished uploads", objects: "media_attachments/*", extra: "s3:ListBucketMultipartUploads", want: "versions:failure"},
		{name: "versions", objects: "media_attachments/*", extra: "s3:ListBucketVersions", want: "versions:failure"},
		{name: "policies", objects: "media_attachments/*", extra: "s3:GetBucketPolicy", want: "acl:failure"},
		{name: "writing", objects: "media_attachments/*", extra: "s3:PutObject", want: "written:failure"},
		{name: "deleting", objects: "media_attachments/*", extra: "s3:DeleteObject", want: "deleted:failure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := server.Bucket(t)
			var statements []string
			if c.objects != "" {
				statements = append(statements, allowing(o.Bucket+"/"+c.objects, "s3:GetObject"))
			}
			switch {
			case strings.HasSuffix(c.extra, "Object"):
				statements = append(statements, allowing(o.Bucket+"/*", c.extra))
			case c.extra != "":
				statements = append(statements, allowing(o.Bucket, c.extra))
			}
			if len(statements) > 0 {
				server.Policy(t, o.Bucket, policy(statements...))
			}
			results := run(t, probe.Target{Files: s3test.Open(t, o), Public: server.Endpoint + "/" + o.Bucket})
			// The tests' key is the server's root's, which is shown all buckets and reads them.
			got := strings.TrimSuffix(strings.TrimSuffix(reds(results), "others_list:warning others_read:warning"), " ")
			if got != c.want {
				t.Errorf("%q, want %q: %+v", got, c.want, results)
			}
			if results[probe.OthersList].Level != checkup.Warning || results[probe.OthersRead].Level != checkup.Warning {
				t.Errorf("root's key: %+v", results)
			}
		})
	}
}

// A server that shows strangers its buckets, one whose buckets are hosts, and one that is asked through a proxy that takes everything.
func TestServersThatAreWrong(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	o := server.Options
	server.Policy(t, o.Bucket, policy(allowing(o.Bucket+"/media_attachments/*", "s3:GetObject"), allowing(o.Bucket, "s3:ListBucket")))
	origin, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = origin.Scheme, origin.Host, r.In.Host
	}}
	front := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && r.Header.Get("Authorization") == "" {
			_, _ = fmt.Fprint(w, `<?xml version="1.0"?><ListAllMyBucketsResult xmlns="x"></ListAllMyBucketsResult>`)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	through := o
	through.Endpoint = front
	if got := run(t, probe.Target{Files: s3test.Open(t, through), Public: front + "/" + o.Bucket}); got[probe.Buckets].Level != checkup.Failure {
		t.Errorf("%+v", got)
	}
	hosts := o
	dial := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Address)
	}}
	t.Cleanup(dial.CloseIdleConnections)
	hosts.Endpoint, hosts.PathStyle, hosts.Transport, hosts.Prefix = "http://"+s3test.Domain+":"+origin.Port(), false, dial, "below"
	public := serve(t, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	got := run(t, probe.Target{Files: s3test.Open(t, hosts), Public: public, Transport: toHosts{dial}})
	if !strings.Contains(got[probe.ListV2].Says, "http://"+o.Bucket+"."+s3test.Domain) || got[probe.ListV2].Level != checkup.Failure || got[probe.Readable].Level != checkup.Failure {
		t.Errorf("%+v", got)
	}
}

// toHosts dials the test's server for its names, and all else as it is.
type toHosts struct{ dial *http.Transport }

func (h toHosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Host, s3test.Domain) {
		return h.dial.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// files is a folder that is served by Go's own server, which shows an index.
func files(t *testing.T) (*blob.Disk, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := blob.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, dir
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestServersOfFolders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler func(dir string) http.HandlerFunc
		want    string
	}{
		"right":    {careful, ""},
		"an index": {func(dir string) http.HandlerFunc { return http.FileServer(http.Dir(dir)).ServeHTTP }, "private_read:failure index:failure"},
		"an index of one folder in the middle": {func(dir string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.Count(r.URL.Path, "/") == 3 && strings.HasSuffix(r.URL.Path, "/") {
					http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
					return
				}
				careful(dir)(w, r)
			}
		}, "index:failure"},
		"everything is a page": {func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<h1>Welcome</h1>") }
		}, "readable:failure private_read:failure"},
		"a redirect": {func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
		}, "readable:failure"},
		"whoever puts is believed": {func(dir string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				at := filepath.Join(dir, filepath.FromSlash(r.URL.Path))
				switch r.Method {
				case http.MethodPut:
					if err := os.WriteFile(at, []byte("x"), 0o600); err != nil {
						http.Error(w, "no", http.StatusForbidden)
					}
				case http.MethodDelete:
					_ = os.Remove(at)
				default:
					careful(dir)(w, r)
				}
			}
		}, "written:failure deleted:failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, dir := files(t)
			results := run(t, probe.Target{Files: d, Public: serve(t, c.handler(dir)) + "/"})
			if got := reds(results); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%q, want %q: %+v", got, c.want, results)
			}
		})
	}
}

// careful serves files in public folders, and nothing else.
func careful(dir string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || strings.HasSuffix(r.URL.Path, "/") || blob.Private(r.URL.Path[1:]) {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, filepath.Join(dir, filepath.FromSlash(r.URL.Path)))
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	d, _ := files(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	results := run(t, probe.Target{Files: d, Public: gone.URL})
	if results[probe.Readable].Level != checkup.Failure || results[probe.ListV2].Level != checkup.Warning || results[probe.Index].Level != checkup.Warning {
		t.Errorf("%+v", results)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := probe.Run(ctx, probe.Target{Files: d, Public: gone.URL}); err == nil {
		t.Error("it goes on when it is stopped")
	}
}
