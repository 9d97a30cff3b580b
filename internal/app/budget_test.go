package app

import (
	"archive/zip"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/webpush"
	"github.com/gomph/gomph/internal/testkit/services"
)

// server is a whole program that runs, and what its jobs cost.
type server struct {
	*App
	t *testing.T

	mu    sync.Mutex
	worst map[string]int
	fails []string
}

func startServer(t *testing.T) *server {
	t.Helper()
	port := services.FreePort(t)
	c := &config.Config{
		Data: t.TempDir(), LogLevel: "error", DBPool: 4, RateLimits: "off", Bind: "127.0.0.1", Port: port, LocalDomain: fmt.Sprintf("127.0.0.1:%d", port),
		LocalHTTPS: "false", AllowedPrivate: []string{"127.0.0.0/8"},
	}
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, Options{Roles: "all", Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{App: a, t: t, worst: map[string]int{}}
	a.onJob = func(d jobs.Done) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.worst[d.Name] = max(s.worst[d.Name], d.Statements)
		if d.Err != nil && !jobs.IsLater(d.Err) {
			s.fails = append(s.fails, fmt.Sprintf("%s: %v", d.Name, d.Err))
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, Plan{Roles: Roles, Slots: 8}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		a.Close()
	})
	s.until("it listens", func() bool {
		r, err := http.Get("http://" + c.LocalDomain + "/health")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil
	})
	return s
}

func (s *server) until(what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute) // only ends a test that would hang
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("never happened: %s; failures: %q", what, s.fails)
		}
	}
}

// quiet waits until nothing is left that is due or runs.
func quiet(all ...*server) {
	for range 2 { // what one did may be work for the other
		for _, s := range all {
			s.t.Helper()
			s.until("no more jobs", func() bool {
				busy, err := db.Exists(context.Background(), s.DB, "SELECT 1 FROM jobs WHERE state IN (0, 1, 3) AND run_at <= $1", db.Ms(s.Clock.Now()))
				return err == nil && !busy
			})
		}
	}
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) person(name string) *accounts.Account {
	s.t.Helper()
	u, err := s.Access.CreateByAdmin(context.Background(), access.NewByAdmin{Username: name, Email: name + "@example.org", Password: "a long password", Confirmed: true})
	s.must(err)
	a, err := s.Accounts.ByID(context.Background(), s.DB, u.AccountID)
	s.must(err)
	return a
}

// elsewhere is somebody of another server, as this one knows them.
func (s *server) elsewhere(a *accounts.Account, at *server) *accounts.Account {
	s.t.Helper()
	found, err := s.Federation.ByHandle(context.Background(), accounts.Handle{Username: a.Username, Domain: at.Config.LocalDomain})
	s.must(err)
	return found
}

func (s *server) post(by *accounts.Account, d statuses.Draft) *statuses.Status {
	s.t.Helper()
	st, err := s.Statuses.Post(context.Background(), by, d)
	s.must(err)
	return st
}

func ptr[T any](v T) *T { return &v }

// TestReactionsKeepTheirBudgets lets two servers do to each other all that follows from something, and holds every run of every
// reaction to its budget of statements (requirement C3).
func TestReactionsKeepTheirBudgets(t *testing.T) {
	t.Parallel()
	here, there := startServer(t), startServer(t)
	everything(here, there)
	// What waits for hours is due now.
	here.must(here.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE scheduled_statuses SET scheduled_at = 1")
		return err
	}))
	here.sound(here.person("singer"))
	for _, s := range []*server{here, there} {
		for _, r := range s.Jobs.Describe() {
			_, err := s.Jobs.Retry(t.Context(), jobs.Filter{State: "waiting", Kind: r.Name})
			s.must(err)
		}
	}
	quiet(here, there)
	for _, r := range schedule {
		here.must(here.DB.Write(t.Context(), func(tx *db.Tx) error { return here.Jobs.Emit(t.Context(), tx, r.Event) }))
	}
	quiet(here)
	worst := map[string]int{}
	for _, s := range []*server{here, there} {
		s.mu.Lock()
		for name, n := range s.worst {
			worst[name] = max(worst[name], n)
		}
		if len(s.fails) > 0 {
			t.Errorf("jobs failed: %s", strings.Join(s.fails, "; "))
		}
		s.mu.Unlock()
	}
	for _, r := range here.Jobs.Describe() {
		n, ran := worst[r.Name]
		t.Logf("%-36s %3d of %d", r.Name, n, r.Policy.Statements)
		if n > r.Policy.Statements {
			t.Errorf("%s made %d statements; its budget is %d", r.Name, n, r.Policy.Statements)
		}
		if !ran && !slices.Contains(unplayed, r.Name) {
			t.Errorf("%s did not run: let something happen here that it follows from", r.Name)
		}
		if ran && slices.Contains(unplayed, r.Name) {
			t.Errorf("%s runs; take it out of the list of those that do not", r.Name)
		}
	}
}

// unplayed are the reactions that need what this scene does not have: sign-ups that wait, other servers that hide parts of a
// thread, thousands of followers.
var unplayed = []string{
	"mailer.approved", "mailer.registrations_limited", "mailer.confirm_again", "mailer.new_address", "subscriptions.become_follows", "activitypub.fetch_parent", "activitypub.fetch_replies", "activitypub.fill_thread", "activitypub.host_returned", "activitypub.spread_missed", "feeds.batch",
	"activitypub.sync_followers", // the two agree on who follows whom
}

// everything is what people on two servers do to each other.
func everything(here, there *server) {
	ctx := here.t.Context()
	ann, bob := here.person("ann"), here.person("bob")
	eve := there.person("eve")
	eveHere, annThere, bobThere := here.elsewhere(eve, there), there.elsewhere(ann, here), there.elsewhere(bob, here)
	both := func() { quiet(here, there) }
	here.must(here.Instances.Block(ctx, instances.Block{Domain: "blocked.example", Severity: instances.Suspend}))

	here.must(here.Relations.Follow(ctx, bob, ann, relations.FollowOptions{Notify: ptr(true)}))
	here.must(here.Relations.Follow(ctx, ann, eveHere, relations.FollowOptions{}))
	there.must(there.Relations.Follow(ctx, eve, annThere, relations.FollowOptions{}))
	there.must(there.Relations.Follow(ctx, eve, bobThere, relations.FollowOptions{}))
	both()
	list, err := here.Relations.CreateList(ctx, relations.List{AccountID: bob.ID, Title: "friends", RepliesPolicy: "list"})
	here.must(err)
	here.must(here.Relations.AddToList(ctx, list, []accounts.ID{ann.ID}))
	_, err = here.Accounts.UpdateProfile(ctx, ann.ID, accounts.Profile{DisplayName: ptr("Ann"), Fields: &[]accounts.Field{{Name: "Also", Value: eve.URL}}})
	here.must(err)
	both()

	tag, err := here.Statuses.EnsureTag(ctx, "tag")
	here.must(err)
	here.must(here.Relations.FollowTag(ctx, bob.ID, tag.ID))
	subscribe(here, bob, "http://"+there.Config.LocalDomain+"/no-push-service")
	first := here.post(ann, statuses.Draft{Text: "hello @bob and @eve@" + there.Config.LocalDomain + " #tag"})
	both()
	copied, err := there.Statuses.ByURI(ctx, there.DB, first.URI)
	there.must(err)
	_, err = there.Statuses.Favourite(ctx, eve, copied.ID, "")
	there.must(err)
	_, err = there.Statuses.Reblog(ctx, eve, copied.ID, statuses.Public, "", time.Time{})
	there.must(err)
	there.post(eve, statuses.Draft{Text: "@ann@" + here.Config.LocalDomain + " answer", InReplyToID: copied.ID})
	both()
	_, err = there.Statuses.Unfavourite(ctx, eve, copied.ID)
	there.must(err)
	_, err = there.Statuses.Unreblog(ctx, eve, copied.ID)
	there.must(err)
	_, err = here.Statuses.Favourite(ctx, bob, first.ID, "")
	here.must(err)
	_, err = here.Statuses.Unfavourite(ctx, bob, first.ID)
	here.must(err)
	_, err = here.Statuses.Reblog(ctx, bob, first.ID, statuses.Public, "", time.Time{})
	here.must(err)
	_, err = here.Statuses.Edit(ctx, ann, first.ID, statuses.Draft{Text: "hello again @bob #tag"})
	here.must(err)
	_, err = here.Statuses.Pin(ctx, ann, first.ID, true)
	here.must(err)
	_, err = here.Statuses.Feature(ctx, ann, "tag")
	here.must(err)
	here.post(ann, statuses.Draft{Text: "@bob for you", Visibility: statuses.Direct})
	both()

	mailed(here, ann)

	// A link to a page, which is a profile of the other server.
	page := here.post(ann, statuses.Draft{Text: "look"})
	here.must(here.DB.Write(ctx, func(tx *db.Tx) error {
		return here.Jobs.Emit(ctx, tx, statuses.LinkPosted{StatusID: page.ID, URL: "http://" + there.Config.LocalDomain + "/@eve"})
	}))
	both()
	quotable := here.post(ann, statuses.Draft{Text: "quote me", QuotePolicy: statuses.QuotableByAll})
	both()
	quotableThere, err := there.Statuses.ByURI(ctx, there.DB, quotable.URI)
	there.must(err)
	quote := there.post(eve, statuses.Draft{Text: "look", QuotedStatusID: quotableThere.ID})
	both()
	quoteHere, err := here.Statuses.ByURI(ctx, here.DB, quote.URI)
	here.must(err)
	here.must(here.Statuses.RevokeQuote(ctx, ann.ID, quotable, quoteHere.ID))
	both()

	here.must(here.Settings.DraftTerms(ctx, settings.Terms{Text: "be kind", Changelog: "all of it"}))
	_, err = here.Settings.PublishTerms(ctx, time.Now().Add(24*time.Hour))
	here.must(err)
	_, err = here.Announcements.Create(ctx, announcements.Announcement{Text: "hello @bob"})
	here.must(err)
	_, err = here.Announcements.Create(ctx, announcements.Announcement{Text: "later", ScheduledAt: time.Now().Add(time.Second)})
	here.must(err)
	_, err = there.Accounts.UpdateProfile(ctx, eve.ID, accounts.Profile{Indexable: ptr(true)})
	there.must(err)
	_, err = there.Statuses.Bookmark(ctx, eve, quotableThere.ID, true)
	there.must(err)
	both()

	// A report of the year, as if it were December.
	year := here.Clock.Now().UTC().Year()
	here.must(here.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "asking for a report", "INSERT INTO generated_annual_reports (id, account_id, year, schema_version, created_at) VALUES (1, $1, $2, 2, 1)", ann.ID, year); err != nil {
			return err
		}
		return here.Jobs.Emit(ctx, tx, annual.Wanted{AccountID: ann.ID, Year: year})
	}))
	both()
	told, err := here.Notifications.List(ctx, here.DB, ann.ID, notifications.Options{Types: []string{notifications.AnnualReport}}, db.Page{Limit: 2})
	if here.must(err); len(told) != 1 || told[0].Year != year {
		here.t.Errorf("of the report of %d ann was told %v", year, told)
	}

	poll := here.post(ann, statuses.Draft{Text: "which?", Poll: &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}})
	both()
	pollThere, err := there.Statuses.ByURI(ctx, there.DB, poll.URI)
	there.must(err)
	_, err = there.Statuses.Vote(ctx, eve, pollThere.PollID, []int{1}, "")
	there.must(err)
	both()
	_, err = here.Statuses.Delete(ctx, ann, first.ID)
	here.must(err)
	both()

	// A locked account, whose followers ask.
	_, err = there.Accounts.UpdateProfile(ctx, eve.ID, accounts.Profile{Locked: ptr(true)})
	there.must(err)
	both()
	bobThere, eveHere = there.elsewhere(bob, here), here.elsewhere(eve, there)
	here.must(here.Relations.Follow(ctx, bob, eveHere, relations.FollowOptions{}))
	both()
	there.must(there.Relations.Authorize(ctx, eve, bobThere))
	both()
	here.must(here.Relations.Unfollow(ctx, bob, eveHere))
	both()
	here.must(here.Relations.Follow(ctx, bob, eveHere, relations.FollowOptions{}))
	both()
	there.must(there.Relations.Reject(ctx, eve, bobThere))
	both()

	here.must(here.Relations.Mute(ctx, bob.ID, ann.ID, relations.MuteOptions{Duration: time.Hour}))
	here.must(here.Relations.Unmute(ctx, bob.ID, ann.ID))
	here.must(here.Relations.Block(ctx, bob, eveHere, ""))
	both()
	here.must(here.Relations.Unblock(ctx, bob, eveHere))
	both()
	here.must(here.Relations.Follow(ctx, bob, here.elsewhere(there.person("fay"), there), relations.FollowOptions{}))
	both()
	here.must(here.Relations.BlockDomain(ctx, bob, there.Config.LocalDomain))
	here.must(here.Relations.Unfollow(ctx, bob, ann))
	both()
	letters(here)
	recommend(here, there, ann, bob, eve)
	along(here, ann, bob)
	_, err = here.Statuses.Schedule(ctx, bob, statuses.Draft{Text: "later #tag"}, time.Now().Add(time.Hour))
	here.must(err)
	both()
	_, err = here.Moderation.Report(ctx, moderation.Draft{By: bob, Target: eveHere, Comment: "rude", Forward: true})
	here.must(err)
	here.must(there.Accounts.SetAliases(ctx, eve.ID, []string{bob.URI}))
	here.must(here.Relations.Follow(ctx, ann, bob, relations.FollowOptions{}))
	both()
	here.must(here.Federation.Move(ctx, bob, "eve@"+there.Config.LocalDomain))
	both()
	here.must(here.Accounts.Remove(ctx, ann.ID))
	both()
}

// mailed lets somebody's posts be sent by mail.
func mailed(s *server, by *accounts.Account) {
	ctx := s.t.Context()
	s.must(s.Settings.Set(ctx, "email_subscriptions", "true"))
	_, err := s.Accounts.UpdateProfile(ctx, by.ID, accounts.Profile{EmailSubscriptions: ptr(true)})
	s.must(err)
	s.must(s.Subscriptions.Ask(ctx, by.ID, "reader@example.org"))
	quiet(s)
	id, err := db.Value[subscriptions.ID](ctx, s.DB, "SELECT id FROM email_subscriptions")
	s.must(err)
	token, err := s.Subscriptions.Mint(ctx, id)
	s.must(err)
	_, err = s.Subscriptions.Confirm(ctx, token)
	s.must(err)
	again, err := s.Accounts.ByID(ctx, s.DB, by.ID)
	s.must(err)
	s.post(again, statuses.Draft{Text: "for everybody"})
	quiet(s)
	_, err = s.Jobs.Retry(ctx, jobs.Filter{State: "waiting", Kind: "subscriptions.tell"}) // it waits for more posts
	s.must(err)
	quiet(s)
}

// subscribe lets somebody's app be told of mentions.
func subscribe(s *server, who *accounts.Account, endpoint string) {
	s.t.Helper()
	u, err := s.Access.ByAccount(s.t.Context(), s.DB, who.ID)
	s.must(err)
	token, err := s.Access.IssueToken(s.t.Context(), nil, u.ID, access.Scopes{"push"})
	s.must(err)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	s.must(err)
	_, err = s.Notifications.Subscribe(s.t.Context(), notifications.Subscription{TokenID: token.ID, AccountID: who.ID, Token: token.Plain, Alerts: map[string]bool{notifications.Mention: true},
		Subscription: webpush.Subscription{Endpoint: endpoint, P256dh: key.PublicKey().Bytes(), Auth: make([]byte, 16), Standard: true}})
	s.must(err)
}

// recommend puts people of both servers into a collection, who leave it again.
func recommend(here, there *server, by, near, far *accounts.Account) {
	ctx := here.t.Context()
	agree := accounts.Profile{Discoverable: ptr(true), Locked: ptr(false)}
	_, err := here.Accounts.UpdateProfile(ctx, near.ID, agree)
	here.must(err)
	_, err = there.Accounts.UpdateProfile(ctx, far.ID, agree)
	here.must(err)
	quiet(here, there)
	farHere, err := here.Federation.AccountByURI(ctx, far.URI, true)
	here.must(err)
	c, err := here.Collections.Create(ctx, by, collections.Draft{Name: ptr("good people"), Discoverable: ptr(true)}, []accounts.ID{near.ID})
	here.must(err)
	_, err = here.Collections.Add(ctx, by.ID, c.ID, farHere.ID)
	here.must(err)
	quiet(here, there)
	_, err = here.Collections.Update(ctx, by.ID, c.ID, collections.Draft{Name: ptr("better people")})
	here.must(err)
	quiet(here, there)
	copied, err := there.Collections.ByURL(ctx, there.DB, c.URI)
	there.must(err)
	items, err := there.Collections.Items(ctx, there.DB, 0, []*collections.Collection{copied})
	there.must(err)
	for _, i := range items[copied.ID] {
		if i.AccountID == far.ID {
			there.must(there.Collections.Revoke(ctx, far.ID, copied.ID, i.ID))
		}
	}
	quiet(here, there)
	here.must(here.Collections.Delete(ctx, by.ID, c.ID))
	quiet(here, there)
}

// along lets somebody bring a list and ask for an archive.
func along(s *server, who, whom *accounts.Account) {
	ctx := s.t.Context()
	i, err := s.Archive.Upload(ctx, who.ID, archive.Following, false, "follows.csv", strings.NewReader(whom.Username+"\n"))
	s.must(err)
	s.must(s.Archive.Confirm(ctx, who.ID, i.ID))
	s.must(s.Archive.WantBackup(ctx, who.ID))
	quiet(s)
	list, err := s.Archive.Backups(ctx, s.DB, who.ID)
	s.must(err)
	f, err := s.files.Open(ctx, list[0].File)
	s.must(err)
	defer f.Close()
	z, err := zip.NewReader(f.ReadSeekCloser.(io.ReaderAt), f.Size)
	s.must(err)
	for _, name := range []string{"actor.json", "outbox.json", "likes.json", "bookmarks.json"} {
		part, err := z.Open(name)
		s.must(err)
		var doc map[string]any
		if err := json.NewDecoder(part).Decode(&doc); err != nil || doc["privateKeyPem"] != nil {
			s.t.Errorf("%s: %v", name, err)
		}
		if name == "outbox.json" && len(doc["orderedItems"].([]any)) == 0 {
			s.t.Error("nothing is in the outbox")
		}
	}
}

func letters(s *server) {
	ctx := s.t.Context()
	u, err := s.Access.SignUp(ctx, access.NewUser{Username: "new", Email: "new@example.org", Password: "a long password", Agreement: true, Locale: "en"})
	s.must(err)
	invite, err := s.Access.Invite(ctx, u.ID, 0, 0, true)
	s.must(err)
	_, err = s.Access.SignUp(ctx, access.NewUser{Username: "guest", Email: "guest@example.org", Password: "a long password", Agreement: true, Invite: invite.Code})
	s.must(err)
	s.must(s.Access.RequestReset(ctx, "bob@example.org"))
	s.must(s.Access.ChangeEmail(ctx, u.ID, "a long password", "newer@example.org"))
	s.must(s.Access.ChangePassword(ctx, u.ID, "a long password", "a longer password", 0))
}

// TestEveryReactionHasABudget: what has none is never counted.
func TestEveryReactionHasABudget(t *testing.T) {
	t.Parallel()
	lanes := map[string]bool{}
	for _, r := range open(t).Jobs.Describe() {
		p := r.Policy
		if p.Statements == 0 {
			t.Errorf("%s has no budget of statements", r.Name)
		}
		// Nothing may hold a slot for long (requirement N6), but what was asked to.
		if p.Deadline > 5*time.Minute && p.Queue != jobs.Scheduler && p.Queue != jobs.Pull {
			t.Errorf("%s may run for %v", r.Name, p.Deadline)
		}
		if p.Attempts < 1 || p.Attempts > 30 {
			t.Errorf("%s is tried %d times", r.Name, p.Attempts)
		}
		if r.Lane {
			lanes[r.Name] = true
		}
	}
	// What waits for other servers must not let one of them take all slots (requirement A5).
	if got := slices.Sorted(maps.Keys(lanes)); !slices.Contains(got, "activitypub.push") || !slices.Contains(got, "activitypub.perform") {
		t.Errorf("only %v have lanes", got)
	}
}
