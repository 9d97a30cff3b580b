package activitypub_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// sample is what a server of some software sends, performed on a server where alice has written a post and asked the sender to follow.
type sample struct {
	*gallery
	sender *accounts.Account
	post   *statuses.Status
	follow string
	dir    string
}

// first says what has to have arrived before a sample.
var first = map[string][]string{"update": {"create"}, "delete": {"create"}, "undo_follow": {"follow"}, "undo_like": {"like"}, "undo_announce": {"announce"}}

// TestSamples performs activities as each software writes them (testdata/SOFTWARE/VERB.json).
func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		dir, name := filepath.Split(file)
		verb := strings.TrimSuffix(name, ".json")
		t.Run(filepath.Base(dir)+"/"+verb, func(t *testing.T) {
			t.Parallel()
			newSample(t, dbtest.SQLite(t), dir).check(verb)
		})
	}
}

func newSample(t testing.TB, d *db.DB, dir string) *sample {
	t.Helper()
	n := build(t, d, newClock(), gallerySite)
	s := &sample{gallery: &gallery{node: n, alice: n.person("alice")}, dir: dir}
	s.post = s.gallery.post(statuses.Draft{Text: "How is the weather?"})
	body, err := os.ReadFile(filepath.Join(dir, "create.json"))
	n.must(err)
	o, err := ap.Parse(body)
	n.must(err)
	uri := o.IDOf("actor")
	name := uri[strings.LastIndex(uri, "/")+1:]
	s.sender, err = n.accounts.Upsert(ctx(), accounts.Remote{Account: accounts.Account{Username: name, Domain: ap.HostOf(uri), ActorType: "Person", URI: uri, URL: uri, InboxURL: uri + "/inbox",
		FollowersURL: uri + "/followers", PublicKeyID: uri + "#main-key", PublicKey: "PEM"}})
	n.must(err)
	n.must(n.relations.Follow(ctx(), s.alice, s.sender, relations.FollowOptions{}))
	s.follow = s.alice.URI + "#follows/" + strconv.FormatInt(n.count("SELECT id FROM follow_requests"), 10)
	return s
}

func (s *sample) perform(verb string) {
	s.t.Helper()
	body, err := os.ReadFile(filepath.Join(s.dir, verb+".json"))
	s.must(err)
	text := strings.NewReplacer("{{status}}", s.post.URI, "{{follow}}", s.follow, "{{key}}", "PEM", "{{post}}", s.postURI()).Replace(string(body))
	s.must(s.Perform(ctx(), activitypub.Received{ActorID: s.sender.ID, Body: text}))
}

func (s *sample) check(verb string) {
	s.t.Helper()
	for _, before := range first[verb] {
		s.perform(before)
	}
	// Everything may come twice.
	s.perform(verb)
	s.perform(verb)
	post, err := s.statuses.Any(ctx(), s.db, s.post.ID)
	s.must(err)
	is, err := s.relations.Relationship(ctx(), s.db, s.alice.ID, s.sender.ID)
	s.must(err)
	expect := func(ok bool) {
		s.t.Helper()
		if !ok {
			s.t.Errorf("after %s: %+v, %+v", verb, post, is)
		}
	}
	switch verb {
	case "create", "update":
		s.checkPost(verb)
	case "delete":
		expect(s.count("SELECT COUNT(*) FROM statuses WHERE NOT local AND deleted_at = 0") == 0)
	case "follow":
		expect(is.FollowedBy)
	case "undo_follow":
		expect(!is.FollowedBy)
	case "react", "like_emoji":
		expect(post.FavouritesCount == 1 && s.count("SELECT COUNT(*) FROM favourite_emojis") == 1)
	case "flag":
		expect(s.count("SELECT COUNT(*) FROM report_statuses") == 1)
	case "like", "undo_like":
		expect(post.FavouritesCount == map[string]int64{"like": 1}[verb])
	case "announce", "undo_announce":
		expect(post.ReblogsCount == map[string]int64{"announce": 1}[verb])
	case "block":
		expect(is.BlockedBy && !is.Requested)
	case "accept":
		expect(is.Following)
	case "reject":
		expect(!is.Following && !is.Requested)
	case "update_actor":
		s.checkActor()
	default:
		s.t.Errorf("nothing is known about %s", verb)
	}
}

func (s *sample) checkPost(verb string) {
	s.t.Helper()
	id, err := db.Value[statuses.ID](ctx(), s.db, "SELECT id FROM statuses WHERE NOT local")
	s.must(err)
	parts, err := s.statuses.Load(ctx(), s.db, s.alice.ID, []statuses.ID{id})
	s.must(err)
	st := parts.Statuses[id]
	if st == nil {
		s.t.Fatal("alice does not see the post")
	}
	if verb == "create" {
		s.shown(parts, st)
	}
	want := "ain"
	if verb == "update" && st.Content != "<p>It rained</p>" || !strings.Contains(st.Content, want) || st.Visibility != statuses.Public || st.AccountID != s.sender.ID || st.CreatedAt.Minute() != 58 {
		s.t.Errorf("the post is %+v", st)
	}
	if _, held := heldToAll[filepath.Base(s.dir)]; !held && verb == "create" {
		return // the golden file says what it is
	}
	if strings.Contains(s.dir, "peertube") {
		if st.URL != "https://video.example/w/1" || !strings.Contains(st.Content, `href="https://video.example/w/1"`) {
			s.t.Errorf("the video is %s: %s", st.URL, st.Content)
		}
		return
	}
	if st.InReplyToID != s.post.ID || len(parts.Mentions[id]) != 1 || parts.Mentions[id][0].Silent || len(parts.Media[id]) != 1 || parts.Media[id][0].Kind == "unknown" {
		s.t.Errorf("the post has %+v and %+v", parts.Mentions[id], parts.Media[id])
	}
}

// heldToAll are the kinds of software whose posts answer alice's, mention her and have a file.
var heldToAll = map[string]bool{"mastodon": true, "gotosocial": true, "misskey": true, "pleroma": true, "peertube": true}

// postURI is the id of the post that the sender creates.
func (s *sample) postURI() string {
	body, err := os.ReadFile(filepath.Join(s.dir, "create.json"))
	s.must(err)
	o, err := ap.Parse(body)
	s.must(err)
	return o.IDOf("object")
}

// shown holds what becomes of a post against its golden file.
func (s *sample) shown(parts *statuses.Parts, st *statuses.Status) {
	s.t.Helper()
	file := map[string]any{"url": st.URL, "content": st.Content, "spoiler_text": st.SpoilerText, "sensitive": st.Sensitive, "visibility": st.Visibility.String(),
		"language": st.Language, "answers": st.InReplyToID == s.post.ID}
	var lists = map[string][]string{}
	for _, m := range parts.Mentions[st.ID] {
		lists["mentions"] = append(lists["mentions"], m.Acct+map[bool]string{true: " (silently)"}[m.Silent])
	}
	for _, t := range parts.Tags[st.ID] {
		lists["tags"] = append(lists["tags"], t.Name)
	}
	for _, e := range st.Emojis {
		lists["emojis"] = append(lists["emojis"], e.Shortcode+" "+e.URL)
	}
	for name, list := range lists {
		file[name] = list
	}
	for _, m := range parts.Media[st.ID] {
		one := map[string]any{"kind": m.Kind, "url": m.RemoteURL, "description": m.Description, "blurhash": m.Blurhash, "focus": m.Meta.Focus, "size": m.Meta.Original}
		file["media"] = append(anyList(file["media"]), one)
	}
	if p := parts.Polls[st.PollID]; p != nil {
		file["poll"] = map[string]any{"options": p.Options, "tallies": p.Tallies, "multiple": p.Multiple, "voters": p.VotersCount, "ends": p.ExpiresAt}
	}
	got, err := json.MarshalIndent(file, "", "  ")
	s.must(err)
	path := filepath.Join(s.dir, "becomes.golden")
	if *update {
		s.must(os.WriteFile(path, append(got, '\n'), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	s.must(err)
	if string(want) != string(got)+"\n" {
		s.t.Errorf("the post became\n%s\nnot\n%s", got, want)
	}
}

func anyList(v any) []any {
	list, _ := v.([]any)
	return list
}

func (s *sample) checkActor() {
	s.t.Helper()
	a, err := s.accounts.ByID(ctx(), s.db, s.sender.ID)
	if errs.IsNotFound(err) || a.DisplayName != "Bob the second" || !a.Locked || a.Note != "<p>Builder</p>" || len(a.Fields) != 1 || a.SharedInboxURL != "https://mastodon.example/inbox" {
		s.t.Errorf("the actor is %+v (%v)", a, err)
	}
}

// TestMutatedSamples performs activities with parts missing, doubled, or of another type (INB-10). None may crash the worker.
func TestMutatedSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newSample(t, dbtest.SQLite(t), "testdata/mastodon")
	random := rand.New(rand.NewPCG(1, 2))
	odd := []any{nil, true, 7.5, "", "x", "https://[bad", s.alice.URI, s.sender.URI, []any{}, map[string]any{}, []any{nil, 7.5, map[string]any{"id": s.alice.URI}}, strings.Repeat("a", 5000)}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("{{status}}", s.post.URI, "{{follow}}", s.follow, "{{key}}", "PEM", "{{post}}", s.sender.URI+"/posts/1").Replace(string(body))
		for range 40 {
			var d map[string]any
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(err)
			}
			mutate(random, d, odd)
			d["actor"] = s.sender.URI
			mutated, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			// What fails is tried again by the queue; here it only must not crash, and must not touch what is ours.
			_ = s.Perform(ctx(), activitypub.Received{ActorID: s.sender.ID, Body: string(mutated)})
		}
	}
	post, err := s.statuses.Any(ctx(), s.db, s.post.ID)
	s.must(err)
	if !post.DeletedAt.IsZero() || post.Content != s.post.Content {
		t.Errorf("a post of ours became %+v", post)
	}
}

// mutate gives one property, here or deeper down, another value.
func mutate(random *rand.Rand, d map[string]any, odd []any) {
	keys := slices.Sorted(maps.Keys(d))
	if len(keys) == 0 {
		return
	}
	key := keys[random.IntN(len(keys))]
	if inner, ok := d[key].(map[string]any); ok && random.IntN(3) > 0 {
		mutate(random, inner, odd)
		return
	}
	if random.IntN(4) == 0 {
		d[key] = []any{d[key], d[key]}
		return
	}
	d[key] = odd[random.IntN(len(odd))]
}
