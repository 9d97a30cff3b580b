package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/s3test"
	"github.com/gomph/gomph/internal/testkit/services"
)

// examine runs checks for settings, and gives what was found by id and name.
func examine(t *testing.T, c *config.Config, only ...string) map[string]checkup.Finding {
	t.Helper()
	if c.LogLevel == "" {
		c.LogLevel = "error"
	}
	c.RateLimits = "on"
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	found, err := Doctor(t.Context(), c, only, func(checkup.Finding) {})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]checkup.Finding{}
	for _, f := range found {
		if f.Says == "" {
			t.Errorf("%s %s says nothing", f.ID, f.Name)
		}
		out[f.ID+" "+f.Name] = f
	}
	return out
}

func want(t *testing.T, found map[string]checkup.Finding, check string, level checkup.Level, words ...string) {
	t.Helper()
	f, ok := found[check]
	if !ok || f.Level != level {
		t.Errorf("%s is %+v, not %s", check, f, level)
	}
	for _, w := range words {
		if !strings.Contains(f.Says, w) {
			t.Errorf("%s says %q, without %q", check, f.Says, w)
		}
	}
}

func TestDoctorOnASmallServer(t *testing.T) {
	t.Parallel()
	a := open(t)
	nobody := fmt.Sprintf("127.0.0.1:%d", services.FreePort(t)) // listens there
	found := examine(t, &config.Config{Data: a.Config.Data, LocalDomain: nobody})
	if f := found["A2 database"]; !strings.Contains(f.Says, "p99") || !strings.Contains(f.Says, "commit") { // how fast it is, is the machine's business
		t.Errorf("%+v", f)
	}
	want(t, found, "A2 redis", checkup.OK, "none")
	want(t, found, "E23 same files", checkup.OK)
	want(t, found, "F1 S3 server", checkup.OK)
	want(t, found, "F4 strangers and files", checkup.Warning, "reached") // no server runs
	want(t, found, "F7 the application's key", checkup.OK)
	want(t, found, "F12 addresses of files", checkup.OK)
	want(t, found, "F13 a host for files", checkup.Warning, "GOMPH_MEDIA_HOST")
	want(t, found, "F16 change of the files' host", checkup.OK)
	for _, check := range []string{"B6 room on disk", "F2 file system", "F5 lists of files", "B3 programs for media", "B3 sandbox"} {
		if _, ok := found[check]; !ok {
			t.Errorf("%s is missing", check)
		}
	}
	if some := examine(t, &config.Config{Data: a.Config.Data}, "a2"); len(some) != 2 {
		t.Errorf("only A2: %+v", some)
	}
}

// What is not there yet is told, and not made. Before the first start that is no failure, unless the folder cannot be made.
func TestDoctorMakesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, link, file := filepath.Join(dir, "none"), filepath.Join(dir, "link"), filepath.Join(dir, "file")
	found := examine(t, &config.Config{Data: data})
	want(t, found, "A2 database", checkup.Warning, "gomph serve")
	want(t, found, "F2 file system", checkup.Warning, "nothing was started here yet", data, "gomph serve", "GOMPH_DATA")
	for _, check := range []string{"F4 strangers and files", "F5 lists of files", "F7 the application's key"} {
		want(t, found, check, checkup.Warning, "no files yet", "gomph serve")
	}
	for check, f := range found {
		if f.Level == checkup.Failure && check != "B6 room on disk" { // which is the machine's business
			t.Errorf("before the first start %s is %+v", check, f)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v was made, %v", left, err)
	}
	if err := errors.Join(os.Symlink(data, link), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{link, filepath.Join(file, "data"), file} {
		want(t, examine(t, &config.Config{Data: bad}, "F2"), "F2 file system", checkup.Failure, "GOMPH_DATA")
	}
}

func TestDoctorOnALargeServer(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgresURL(t), services.Redis(t)
	here, elsewhere := t.TempDir(), t.TempDir()
	with := func(data string) *config.Config {
		return &config.Config{Data: data, DatabaseURL: database, RedisURL: redis, LogLevel: "error", RateLimits: "on"}
	}
	found := examine(t, with(here), "A2", "E23")
	want(t, found, "E23 same files", checkup.OK, "first")
	for _, check := range []string{"A2 database", "A2 redis"} {
		if f := found[check]; f.Level == checkup.Failure && !strings.Contains(f.Says, "too far") || !strings.Contains(f.Says, "p50") {
			t.Errorf("%+v", f)
		}
	}
	c := with(here)
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, Options{Roles: "worker", Several: true})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	want(t, examine(t, with(here), "E23"), "E23 same files", checkup.OK, here)
	want(t, examine(t, with(elsewhere), "E23"), "E23 same files", checkup.Failure, "E23", elsewhere)
	lost := with(here)
	lost.DatabaseURL, lost.RedisURL = "postgres://nobody@127.0.0.1:1/x", "redis://127.0.0.1:1"
	found = examine(t, lost, "A2", "E23")
	want(t, found, "A2 database", checkup.Failure)
	want(t, found, "A2 redis", checkup.Failure)
	want(t, found, "E23 same files", checkup.Failure)
}

func TestDoctorOnABucket(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	o, _ := server.Options, server.Bucket(t) // which the key must not see
	with := func(change func(*config.Config)) *config.Config {
		c := &config.Config{Data: t.TempDir(), Files: config.Files{
			S3Enabled: "true", S3Bucket: o.Bucket, S3Endpoint: server.Endpoint, S3Key: o.AccessKey, S3Secret: o.SecretKey, S3Host: server.Address, S3Protocol: "http",
		}}
		change(c)
		return c
	}
	ids := []string{"F1", "F4", "F5", "F7", "F12", "F13"}
	found := examine(t, with(func(*config.Config) {}), ids...)
	want(t, found, "F1 S3 server", checkup.OK)
	want(t, found, "F4 strangers and files", checkup.Failure, "gomph media policy") // nobody may read
	want(t, found, "F5 lists of files", checkup.OK)
	want(t, found, "F7 the application's key", checkup.Warning, "other buckets") // it is root's
	want(t, found, "F12 addresses of files", checkup.Warning, "GOMPH_MEDIA_HOST", "S3_ALIAS_HOST")
	want(t, found, "F13 a host for files", checkup.OK)
	server.Policy(t, o.Bucket, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::`+o.Bucket+`"]}]}`)
	want(t, examine(t, with(func(*config.Config) {}), "F5"), "F5 lists of files", checkup.Failure, "list all files")
	found = examine(t, with(func(c *config.Config) { c.S3Secret = "wrong" }), ids...)
	want(t, found, "F1 S3 server", checkup.Failure, "AWS_SECRET_ACCESS_KEY")
	want(t, found, "F7 the application's key", checkup.Failure)
}

// Once a day the probe looks too, and cries out (requirement F5).
func TestTheDailyProbeCriesOut(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	o := server.Options
	c := &config.Config{Data: t.TempDir(), LogLevel: "error", RateLimits: "on", DBPool: 4, Files: config.Files{
		S3Enabled: "true", S3Bucket: o.Bucket, S3Endpoint: server.Endpoint, S3Key: o.AccessKey, S3Secret: o.SecretKey, S3Host: server.Address, S3Protocol: "http",
	}}
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, Options{Roles: "command", Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	var said strings.Builder
	a.Log = slog.New(slog.NewTextHandler(&said, nil))
	gauge := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		a.Metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		body, _ := io.ReadAll(w.Body)
		for line := range strings.Lines(string(body)) {
			if strings.HasPrefix(line, "gomph_media_listable ") {
				return strings.TrimSpace(strings.TrimPrefix(line, "gomph_media_listable "))
			}
		}
		return ""
	}
	for _, action := range []string{"s3:ListBucket", "s3:GetBucketLocation"} {
		said.Reset()
		server.Policy(t, o.Bucket, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["`+action+`"],"Resource":["arn:aws:s3:::`+o.Bucket+`"]}]}`)
		if err := a.probeFiles(t.Context(), ProbeFilesDue{}); err != nil {
			t.Fatal(err)
		}
		wrong := action == "s3:ListBucket"
		if cried := strings.Contains(said.String(), "level=ERROR") && strings.Contains(said.String(), "requirement=F5"); cried != wrong || (gauge() == "1") != wrong {
			t.Errorf("%s: the gauge is %s, said: %s", action, gauge(), said.String())
		}
	}
	known, err := media.ReadHosts(t.Context(), a.DB, a.Site)
	if err != nil || len(known.Origins) != 2 || known.Origins[0].Origin != server.Endpoint || known.Origins[0].UsedAt.IsZero() {
		t.Errorf("%+v, %v", known, err)
	}
}

func TestTripsAreJudged(t *testing.T) {
	t.Parallel()
	for p99, level := range map[time.Duration]checkup.Level{2 * time.Millisecond: checkup.OK, 3 * time.Millisecond: checkup.Warning, 11 * time.Millisecond: checkup.Failure} {
		asked := append(slices.Repeat([]time.Duration{time.Millisecond}, 97), p99, p99, time.Hour)
		if o := judgeTrips("it", time.Second, asked, ""); o.Level != level || !strings.Contains(o.Says, "1ms (p50)") {
			t.Errorf("%s: %+v", p99, o)
		}
	}
}

func TestProvidersInAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files config.Files
		want  checkup.Level
	}{
		{config.Files{}, checkup.OK},
		{config.Files{S3Enabled: "true", S3Endpoint: "https://s3.rent.example", S3Host: "s3.rent.example"}, checkup.Warning},
		{config.Files{S3Enabled: "true", S3Host: "s3-eu-west-1.amazonaws.com"}, checkup.Warning},
		{config.Files{S3Enabled: "true", S3Alias: "d1.cloudfront.net"}, checkup.Warning},
		{config.Files{S3Enabled: "true", S3Endpoint: "https://s3.rent.example", S3Alias: "files.s3.rent.example"}, checkup.Warning},
		{config.Files{S3Enabled: "true", S3Endpoint: "https://s3.rent.example", S3Alias: "files.example"}, checkup.OK},
		{config.Files{S3Enabled: "true", S3Endpoint: "https://s3.rent.example", S3Host: "s3.rent.example", MediaHost: "files.example"}, checkup.OK},
		{config.Files{S3Enabled: "true", S3Endpoint: "https://s3.rent.example"}, checkup.OK},
		{config.Files{RootURL: "https://notamazonaws.com/x"}, checkup.OK},
	} {
		f := c.files
		f.S3Bucket, f.S3Key, f.S3Secret = "files", "k", "s"
		conf := &config.Config{LocalDomain: "example.com", LocalHTTPS: "true", Data: t.TempDir(), RateLimits: "on", Files: f}
		if err := conf.Check(false); err != nil {
			t.Fatal(err)
		}
		if o := providerInAddresses(conf, filesRoot(conf)); o.Level != c.want {
			t.Errorf("%+v: %+v", c.files, o)
		}
	}
}

func TestChangesOfTheHost(t *testing.T) {
	t.Parallel()
	const old, fresh, own = "https://old.example", "https://new.example", "https://example.com"
	now := time.Date(2027, 3, 20, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	was := media.Origin{Origin: old, AllowedFrom: ago(300), AllowedAt: ago(2), UsedFrom: ago(300), UsedAt: ago(2)}
	announced := media.Origin{Origin: fresh, AllowedFrom: ago(12), AllowedAt: now, UsedFrom: ago(2), UsedAt: now}
	sudden := media.Origin{Origin: fresh, AllowedFrom: ago(2), AllowedAt: now, UsedFrom: ago(2), UsedAt: now}
	long := was
	long.UsedAt = ago(8)
	planned := media.Origin{Origin: fresh, AllowedFrom: ago(3), AllowedAt: now}
	retracted := media.Origin{Origin: fresh, AllowedFrom: ago(30), AllowedAt: ago(8)}
	for name, c := range map[string]struct {
		known []media.Origin
		want  checkup.Level
	}{
		"nothing known":            {nil, checkup.OK},
		"no change":                {[]media.Origin{sudden, {Origin: own, AllowedFrom: ago(300), AllowedAt: now}}, checkup.OK},
		"announced":                {[]media.Origin{announced, was}, checkup.OK},
		"sudden":                   {[]media.Origin{sudden, was}, checkup.Warning},
		"long ago":                 {[]media.Origin{announced, long}, checkup.OK},
		"too early":                {[]media.Origin{planned, was}, checkup.Failure},
		"announced and taken back": {[]media.Origin{retracted, was}, checkup.Failure},
		"never announced, not run": {[]media.Origin{was}, checkup.Failure},
	} {
		if o := judgeHosts(fresh+"/files", media.Hosts{Origins: c.known}, now); o.Level != c.want {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestToolsAndSandbox(t *testing.T) {
	t.Parallel()
	none := clip.Find(t.Context(), slog.New(slog.DiscardHandler), clip.Options{FFmpeg: "/none", FFprobe: "/none", HEIF: "/none"})
	if o := judgeTools(none); o.Level != checkup.Warning || !strings.Contains(o.Says, "apt install ffmpeg libheif-examples") {
		t.Errorf("%+v", o)
	}
	if a, b := judgeSandbox(true), judgeSandbox(false); a.Level != checkup.OK || b.Level != checkup.Warning {
		t.Errorf("%+v, %+v", a, b)
	}
	results := []probe.Result{{Check: "a", ID: "F4", Level: checkup.OK}, {Check: "b", ID: "F4", Level: checkup.Warning, Says: "w"}, {Check: "c", ID: "F4", Level: checkup.Failure, Says: "f"}}
	if o := worstOf("F4", results); o.Says != "f" {
		t.Errorf("%+v", o)
	}
	if o := worstOf("F5", results); o.Level != checkup.Warning {
		t.Errorf("nothing of F5: %+v", o)
	}
}

func TestTheRightUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be the wrong user")
	}
	data := t.TempDir()
	if err := os.Chown(data, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Data: data, RateLimits: "on"}
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	if _, err := Doctor(context.Background(), c, nil, func(checkup.Finding) {}); err == nil || !strings.Contains(err.Error(), "12345") {
		t.Errorf("root in a folder of others: %v", err)
	}
}

// The files that a running server gives out pass the probe.
func TestAServersOwnFilesPass(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	results, err := s.ProbeFiles(t.Context(), "")
	if err != nil || len(results) < 9 {
		t.Fatalf("%+v, %v", results, err)
	}
	for _, r := range results {
		if r.Level != checkup.OK {
			t.Errorf("%+v", r)
		}
	}
}

func TestDocsListChecks(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| id | what is looked at | why |\n|---|---|---|\n")
	c := &config.Config{Data: t.TempDir(), RateLimits: "on"}
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	for _, check := range newDoctor(t.Context(), c).checks() {
		b.WriteString("| " + check.ID + " | " + check.Name + " | " + check.Why + " |\n")
	}
	generated(t, "doctor.md", "What gomph doctor looks at", "`gomph doctor` looks whether everything is well, and says in a sentence what to do where it is not. It takes the settings that the server has, and "+
		"ends with 1 when something is wrong; a warning is no reason for that. `--only F4,F5` looks at some things alone, `--json` prints one JSON object a line (id, name, level, says). It changes nothing: the "+
		"files that it puts where files are kept, to ask for them as a stranger would, it removes again. Run it as the user that the server runs as.", b.String())
}
