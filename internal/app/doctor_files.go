package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/sandbox"
)

// fileChecks are those about where files are, and who gets them.
func (d *doctor) fileChecks() []checkup.Check {
	return []checkup.Check{
		{ID: "F1", Name: "S3 server", Why: "The server with the files must answer, and the key must be allowed to list the bucket.", Look: d.ping},
		{ID: "F4", Name: "strangers and files", Why: "Strangers read public files whose names they know, and nothing else: no archives, no writing, no deleting, no access lists.", Look: d.probes("F4")},
		{ID: "F5", Name: "lists of files", Why: "Nobody lists files: not the bucket by either version of the protocol, not its versions, not the server's buckets, and no folder has an index. Names are all that keeps private files private.", Look: d.probes("F5")},
		{ID: "F7", Name: "the application's key", Why: "The key does everything with its own bucket and nothing with others.", Look: d.probes("F7")},
		{ID: "F12", Name: "addresses of files", Why: "Addresses that were federated must stay when the provider changes, so that a provider's host must not be in them.", Look: func(ctx context.Context) checkup.Outcome { return providerInAddresses(d.Config, d.root(ctx)) }},
		{ID: "F13", Name: "a host for files", Why: "Files are best on a host of their own: nothing there can be a page of yours, and they can move.", Look: func(ctx context.Context) checkup.Outcome { return ownHost(d.Config, d.root(ctx)) }},
		{ID: "F16", Name: "change of the files' host", Why: "Pages that people opened before show files only from hosts that were allowed then: for a week before and after a change both must be.", Look: d.originsKnown},
	}
}

// machineChecks are those about programs and the system.
func (d *doctor) machineChecks() []checkup.Check {
	return []checkup.Check{
		{ID: "B3", Name: "programs for media", Why: "Without ffmpeg there are no videos and no sound, without libheif's program no pictures of phones.", Look: d.tools},
		{ID: "B3", Name: "sandbox", Why: "Programs that read what strangers sent should be held to their folder and off the network by the kernel (Landlock).", Look: func(context.Context) checkup.Outcome { return judgeSandbox(sandbox.Fenced()) }},
	}
}

// sameFiles looks whether this host's folder is the one with this server's files (requirement E23).
func (d *doctor) sameFiles(ctx context.Context) checkup.Outcome {
	if d.Config.S3() {
		return checkup.Well("files are on an S3 server")
	}
	if !d.Config.Postgres() {
		return checkup.Well("the files lie beside the database")
	}
	return d.withDB(func() checkup.Outcome {
		known, err := jobs.SharedFolder(ctx, d.DB, "system")
		if err != nil {
			return checkup.Fail("it cannot be told where the files are: %v", err)
		}
		if known.Word == "" {
			return checkup.Well("no process has begun yet: the first one's folder will count")
		}
		word, err := readMark(d.folderOfFiles())
		if err == nil {
			err = sameFolder(known, word, d.folderOfFiles())
		}
		if err != nil {
			return checkup.Fail("%v", err)
		}
		return checkup.Well("%s has this server's files", d.folderOfFiles())
	})
}

func (d *doctor) ping(ctx context.Context) checkup.Outcome {
	if !d.Config.S3() {
		return checkup.Well("files are in a folder, not on an S3 server")
	}
	if _, err := d.store(); err != nil {
		return checkup.Fail("%v", err)
	}
	if err := d.bucket.Ping(ctx); err != nil {
		return checkup.Fail("%v", err)
	}
	return checkup.Well("the bucket %s answers", d.Config.S3Bucket)
}

// probe asks who may do what with the files. Other is a bucket that the application must not read; "" for none.
func (d *doctor) probe(ctx context.Context, other string) ([]probe.Result, error) {
	store, err := d.store()
	if err != nil {
		return nil, err
	}
	return d.base.probe(ctx, store, d.root(ctx), other)
}

// probe asks who may do what with the files of a store, which people get below root.
func (b *base) probe(ctx context.Context, files blob.Store, root, other string) ([]probe.Result, error) {
	roots, err := authorities(b.Config.CAFile)
	if err != nil {
		return nil, err
	}
	t := probe.Target{Files: files, Bucket: b.bucket, Public: root, Other: other, Roots: roots}
	if servesFiles(b.Config, root) {
		t.Unreachable = checkup.Warning
	}
	return probe.Run(ctx, t)
}

// servesFiles reports whether people get files from this server itself, which need not be running.
func servesFiles(c *config.Config, root string) bool {
	return c.MediaHost != "" || strings.HasPrefix(root+"/", siteOf(c).Base()+"/")
}

// probes gives the worst of what the probe found for a requirement.
func (d *doctor) probes(id string) func(context.Context) checkup.Outcome {
	return func(context.Context) checkup.Outcome {
		results, err := d.probed()
		if errors.Is(err, errNoFiles) {
			return checkup.Warn("%v", err)
		}
		if err != nil && len(results) == 0 {
			return checkup.Fail("%v", err)
		}
		return worstOf(id, results)
	}
}

// worstOf is the first of the worst results that belong to a requirement.
func worstOf(id string, results []probe.Result) checkup.Outcome {
	for _, level := range []checkup.Level{checkup.Failure, checkup.Warning} {
		for _, r := range results {
			if r.ID == id && r.Level == level {
				return checkup.Outcome{Level: level, Says: r.Says}
			}
		}
	}
	n := 0
	for _, r := range results {
		if r.ID == id {
			n++
		}
	}
	if n == 0 {
		return checkup.Warn("this was not reached: mend what is wrong above and look again")
	}
	return checkup.Well("%d ways were tried (gomph media probe shows them)", n)
}

// providers are the ends of hosts that belong to those who rent out storage or caches.
var providers = []string{
	"amazonaws.com", "cloudfront.net", "digitaloceanspaces.com", "wasabisys.com", "backblazeb2.com", "backblaze.com", "r2.dev", "r2.cloudflarestorage.com", "your-objectstorage.com",
	"scw.cloud", "ovh.net", "ovh.us", "cloud.ovh.net", "linodeobjects.com", "vultrobjects.com", "storage.googleapis.com", "b-cdn.net", "exo.io", "contabostorage.com", "idrivee2.com",
	"storjshare.io", "dream.io", "upcloudobjects.com", "ionoscloud.com", "leaseweb.com", "storage.yandexcloud.net", "aliyuncs.com", "myqcloud.com", "infomaniak.cloud", "tebi.io",
}

// providerInAddresses looks whether addresses of files change with the provider (requirement F12).
func providerInAddresses(c *config.Config, root string) checkup.Outcome {
	u, err := url.Parse(root)
	if err != nil {
		return checkup.Fail("%s is no address: %v", root, err)
	}
	host := u.Hostname()
	theirs := slices.ContainsFunc(providers, func(end string) bool { return host == end || strings.HasSuffix(host, "."+end) })
	if c.S3() && !servesFiles(c, root) {
		endpoint := c.S3Endpoint
		if !strings.Contains(endpoint, "://") {
			endpoint = "https://" + endpoint
		}
		if at, err := url.Parse(endpoint); err == nil && at.Hostname() != "" && (host == at.Hostname() || host == c.S3Bucket+"."+at.Hostname()) {
			theirs = true
		}
	}
	if theirs {
		return checkup.Warn("addresses of files begin with %s, the host of the provider, and break when you change it: name a host of your own that leads there, in GOMPH_MEDIA_HOST (this server gives the files out) or S3_ALIAS_HOST (a proxy does; gomph media nginx writes one)", root)
	}
	return checkup.Well("addresses of files begin with %s", root)
}

// ownHost looks whether files have a host of their own (requirement F13).
func ownHost(c *config.Config, root string) checkup.Outcome {
	if origin, own := media.OriginOf(root), siteOf(c).Base(); origin == own {
		return checkup.Warn("files are on the host of the pages (%s): give them one of their own in GOMPH_MEDIA_HOST, best from the beginning; later by gomph media switch", own)
	}
	return checkup.Well("files have the host %s", media.OriginOf(root))
}

// root is how addresses of files begin: what the settings say, where the database cannot tell.
func (d *doctor) root(ctx context.Context) string {
	configured := filesRoot(d.Config)
	if _, err := d.openDB(); err != nil {
		return configured
	}
	known, err := media.ReadHosts(ctx, d.DB, siteOf(d.Config))
	if err != nil {
		return configured
	}
	return known.Root(configured)
}

// originsKnown looks whether a change of the files' host was made in peace (requirement F16).
func (d *doctor) originsKnown(ctx context.Context) checkup.Outcome {
	return d.withDB(func() checkup.Outcome {
		if err := d.schemaReady(ctx); err != nil {
			return checkup.Warn("%v", err)
		}
		known, err := media.ReadHosts(ctx, d.DB, siteOf(d.Config))
		if err != nil {
			return checkup.Fail("%v", err)
		}
		return judgeHosts(filesRoot(d.Config), known, d.Clock.Now())
	})
}

// judgeHosts says what the history of hosts means for the one that is used now.
func judgeHosts(configured string, known media.Hosts, now time.Time) checkup.Outcome {
	root := known.Root(configured)
	used := media.OriginOf(root)
	if !slices.ContainsFunc(known.Origins, func(o media.Origin) bool { return o.Origin != used && !o.UsedAt.IsZero() }) {
		return checkup.Well("the host has not changed")
	}
	ready, allowed := known.Ready(used, now)
	at := slices.IndexFunc(known.Origins, func(o media.Origin) bool { return o.Origin == used && !o.UsedFrom.IsZero() })
	switch {
	case at < 0 && (!allowed || now.Before(ready)):
		return checkup.Fail("%s has not been announced for a week: leave the old host in the settings and run: gomph media switch %s", used, root)
	case at < 0:
		return checkup.Well("%s was announced for a week", used)
	case known.Origins[at].UsedFrom.Before(ready) && now.Before(ready):
		return checkup.Warn("%s was not announced a week before it was used: until %s some browsers do not show files; nothing but waiting helps", used, day(ready))
	case root != configured:
		return checkup.Well("addresses begin with %s since gomph media switch; the settings say %s, and may be changed now", root, configured)
	}
	return checkup.Well("the change of the host was announced, or is long past")
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// tools looks for programs, as a server does when it starts.
func (d *doctor) tools(ctx context.Context) checkup.Outcome {
	return judgeTools(clip.Find(ctx, d.Log, clip.Options{}))
}

// judgeTools says what is missing, and which packages of Debian bring it.
func judgeTools(t *clip.Tools) checkup.Outcome {
	missing := t.Missing()
	ffmpeg, ffprobe, heif := t.Programs()
	if len(missing) == 0 {
		return checkup.Well("all types of files can be worked on, with %s and %s", ffmpeg, cmp.Or(heif, "ffmpeg's own reader of HEIC"))
	}
	var packages []string
	if ffmpeg == "" || ffprobe == "" || slices.ContainsFunc(missing, func(kind string) bool { return !strings.HasPrefix(kind, "image/") }) {
		packages = append(packages, "ffmpeg")
	}
	if slices.ContainsFunc(missing, func(kind string) bool { return strings.HasPrefix(kind, "image/") }) {
		packages = append(packages, "libheif-examples")
	}
	return checkup.Warn("uploads of %s are refused: apt install %s", list(missing), strings.Join(packages, " "))
}

// list names some things and counts the rest.
func list(names []string) string {
	const shown = 6
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more types", strings.Join(names[:shown], ", "), len(names)-shown)
}

// judgeSandbox says what it means that the kernel fences programs, or does not.
func judgeSandbox(fenced bool) checkup.Outcome {
	if fenced {
		return checkup.Well("the kernel holds programs to their folder and off the network (Landlock)")
	}
	return checkup.Warn("this kernel has no Landlock, so that programs that read files of strangers are bounded in time and memory alone: boot a kernel from 5.13 on (6.7 for the network) with lsm=landlock,…")
}
