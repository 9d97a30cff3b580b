package view

import (
	"bytes"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// samplePages renders every page in every state worth looking at.
func samplePages() map[string]func(*Renderer, io.Writer) error {
	page, signedIn := samplePage(), signedInPage()
	open, closed := samplePage(), samplePage()
	open.Site.SignUps, closed.Site.SignUps = SignUpsOpen, SignUpsClosed
	admin, follower := ines(), remote()
	refused := Form{Message: "Two things need another look.", Errors: map[string]string{
		"username": "This name is taken.", "password": "Choose one with at least 10 characters.", "reason": "Tell us a little more.", "agreement": "Please agree to the rules."}}
	rtl := open
	rtl.Lang = "ar"
	focus := photoPost()
	focus.AppName, focus.AppURL = "Tusky", "https://tusky.example"
	pinned := post("115500001", ines(), at(1, 9, 0), `<p>New here? I post drawings on Sundays and mud on all other days.</p>`)
	pinned.Pinned = true
	moved := tomas()
	moved.MovedTo, moved.Memorial, moved.HideCounts = &follower, true, true
	noRest := Site{Name: "Fernbank", Domain: "fernbank.example", URL: origin}
	mastodonApp := AuthorizedApp{ID: "7", Name: "Tusky", Website: "https://tusky.example", Scopes: []string{"read", "write", "follow", "push"}, CreatedAt: at(2, 10, 0), LastUsedAt: at(23, 11, 0)}

	pages := map[string]func(*Renderer, io.Writer) error{
		"landing":        func(r *Renderer, w io.Writer) error { return r.Landing(w, Landing{page, allPosts(), &admin}) },
		"landing_closed": func(r *Renderer, w io.Writer) error { return r.Landing(w, Landing{Page: closed}) },
		"landing_signed_in": func(r *Renderer, w io.Writer) error {
			return r.Landing(w, Landing{Page: signedIn, LocalPosts: allPosts()[:2]})
		},
		"landing_rtl": func(r *Renderer, w io.Writer) error { return r.Landing(w, Landing{rtl, allPosts(), &admin}) },
		"about": func(r *Renderer, w io.Writer) error {
			return r.About(w, About{page, sampleRules(), &admin, "hello@fernbank.example",
				`<h2>Who we are</h2><p>Fernbank began as a mailing list of a nature reserve. It is paid for by its members, and every bill is public.</p>`})
		},
		"paper": func(r *Renderer, w io.Writer) error {
			return r.Paper(w, Paper{Page: page, Title: "Terms of service", Path: PathTerms, HTML: `<h2>Be kind</h2><p>And do not count other people's birds as yours.</p>`,
				From: "2026-01-01", Until: "2027-01-01", NextURL: origin + PathTerms + "/2027-01-01"})
		},
		"profile": func(r *Renderer, w io.Writer) error {
			return r.Profile(w, Profile{Page: page, Account: ines(), Pinned: []Post{pinned}, Posts: []Post{photoPost(), cardPost()}, FeedURL: origin + "/@ines.rss",
				NextURL: origin + "/@ines?max_id=115", FollowURL: PathRemoteFollow + "?acct=ines%40fernbank.example", SubscribeURL: PathSubscribe + "?acct=ines"})
		},
		"profile_moved": func(r *Renderer, w io.Writer) error {
			return r.Profile(w, Profile{Page: page, Account: moved, Tab: TabMedia, PrevURL: origin + "/@tomas/media?min_id=9"})
		},
		"thread": func(r *Renderer, w io.Writer) error {
			return r.Thread(w, Thread{Page: page, Post: focus, ReplyURL: PathRemoteFollow + "?acct=ines%40fernbank.example",
				Ancestors:   []Post{post("115596900", tomas(), at(23, 6, 30), `<p>Anyone out on the marsh this morning? It is minus four at the gate.</p>`), replyFrom(remote(), "115596901", `<p>Not me. But I bet I know who is.</p>`, tomas())},
				Descendants: []Post{replyFrom(remote(), "115597100", `<p>I knew it. How was the light?</p>`, ines()), warnedPost(), replyFrom(ines(), "115597101", `<p>Like looking through honey.</p>`, remote())}})
		},
		"thread_warned": func(r *Renderer, w io.Writer) error { return r.Thread(w, Thread{Page: page, Post: warnedPost()}) },
		"embed":         func(r *Renderer, w io.Writer) error { return r.Embed(w, Embed{Page: page, Post: cardPost()}) },
		"tag": func(r *Renderer, w io.Writer) error {
			return r.Tag(w, Tag{Page: page, Name: "fieldnotes", URL: origin + "/tags/fieldnotes", Posts: []Post{photoPost(), arabicPost()}, Uses: 128, People: 41, FeedURL: origin + "/tags/fieldnotes.rss", NextURL: origin + "/tags/fieldnotes?max_id=1"})
		},
		"export": func(r *Renderer, w io.Writer) error {
			return r.Export(w, Export{Page: signedIn, Lists: []ExportList{{"Whom you follow", PathExports + "/follows.csv", 12}}, Backups: []Backup{{CreatedAt: at(2, 10, 0)}, {URL: PathBackups + "/7.zip", Size: 123456, CreatedAt: at(1, 10, 0)}}, MayAsk: true})
		},
		"imports": func(r *Renderer, w io.Writer) error {
			return r.Imports(w, Imports{Page: signedIn, Form: Form{Message: "The file has more than 20000 lines"}, Types: []Option{{"following", "Whom you follow"}},
				Imports: []Import{{ID: "7", Label: "Whom you follow", Filename: "following_accounts.csv", Total: 12, Processed: 5, Failed: 1, CreatedAt: at(1, 10, 0)}}})
		},
		"import": func(r *Renderer, w io.Writer) error {
			return r.ImportPage(w, ImportPage{Page: signedIn, Import: Import{ID: "7", Label: "Whom you follow", Filename: "mutes.csv", Overwrite: true, Mismatched: true, Waiting: true, Total: 12, CreatedAt: at(1, 10, 0)}})
		},
		"import_done": func(r *Renderer, w io.Writer) error {
			return r.ImportPage(w, ImportPage{Page: signedIn, Import: Import{ID: "7", Label: "Whom you follow", Finished: true, Total: 12, Processed: 12, Imported: 11, Failed: 1, CreatedAt: at(1, 10, 0)}})
		},
		"invites": func(r *Renderer, w io.Writer) error {
			return r.Invites(w, Invites{Page: signedIn, Lives: []Choice{{3600, "1 hour"}}, Uses: []Choice{{0, "as many as like"}},
				Invites: []Invite{{ID: "8", URL: origin + "/invite/abcdefgh", Uses: 1, MaxUses: 5, ExpiresAt: at(9, 9, 0), Open: true}, {ID: "7", URL: origin + "/invite/hgfedcba", Uses: 2}}})
		},
		"sign_up_invited": func(r *Renderer, w io.Writer) error {
			return r.SignUp(w, SignUp{Page: closed, Rules: sampleRules(), MinPassword: 8, Invite: "abcdefgh"})
		},
		"collection": func(r *Renderer, w io.Writer) error {
			return r.Collection(w, Collection{Page: page, Name: "Bird people", Description: "They know their <birds>.", Lang: "en", Tag: "birds", TagURL: origin + "/tags/birds", Sensitive: true,
				URL: origin + "/collections/7", ActivityURL: origin + "/users/ines/collections/7", Owner: ines(), Members: []Account{tomas(), remote()}, Hidden: true})
		},
		"sign_in": func(r *Renderer, w io.Writer) error {
			return r.SignIn(w, SignIn{Page: page, Next: "/oauth/authorize?client_id=x"})
		},
		"sign_in_refused": func(r *Renderer, w io.Writer) error {
			return r.SignIn(w, SignIn{Page: page, Form: Form{Message: "E-mail address or password is wrong."}, Email: "ines@fernbank.example"})
		},
		"sign_up": func(r *Renderer, w io.Writer) error {
			return r.SignUp(w, SignUp{Page: open, Rules: sampleRules(), MinPassword: 8})
		},
		"sign_up_refused": func(r *Renderer, w io.Writer) error {
			return r.SignUp(w, SignUp{Page: page, Form: refused, Rules: sampleRules(), Username: "ines", Email: "ines@mail.example", Reason: "Birds.", MinPassword: 10})
		},
		"sign_up_closed":    func(r *Renderer, w io.Writer) error { return r.SignUp(w, SignUp{Page: closed}) },
		"signed_up":         func(r *Renderer, w io.Writer) error { return r.SignedUp(w, SignedUp{page, "ines@mail.example", true}) },
		"signed_up_waiting": func(r *Renderer, w io.Writer) error { return r.SignedUp(w, SignedUp{Page: page, Approval: true}) },
		"confirmed":         func(r *Renderer, w io.Writer) error { return r.Confirmed(w, Confirmed{Page: page}) },
		"confirmed_waiting": func(r *Renderer, w io.Writer) error { return r.Confirmed(w, Confirmed{Page: page, Waiting: true}) },
		"confirmed_failed":  func(r *Renderer, w io.Writer) error { return r.Confirmed(w, Confirmed{Page: page, Failed: true}) },
		"forgot_password":   func(r *Renderer, w io.Writer) error { return r.ForgotPassword(w, ForgotPassword{Page: page}) },
		"forgot_password_ok": func(r *Renderer, w io.Writer) error {
			return r.ForgotPassword(w, ForgotPassword{Page: page, Email: "ines@mail.example", Sent: true})
		},
		"reset_password": func(r *Renderer, w io.Writer) error {
			return r.ResetPassword(w, ResetPassword{Page: page, Token: "t0k3n", MinPassword: 8})
		},
		"consent": func(r *Renderer, w io.Writer) error {
			return r.Consent(w, Consent{Page: signedIn, AppName: "Phanpy", AppWebsite: "https://phanpy.example", RedirectURI: "https://phanpy.example/", Account: ines(),
				Scopes: []string{"read", "write:statuses", "write:media", "push", "profile"}, Hidden: []Hidden{{"client_id", "abc"}, {"redirect_uri", "https://phanpy.example/"}, {"state", "xyz"}}})
		},
		"consent_admin": func(r *Renderer, w io.Writer) error {
			return r.Consent(w, Consent{Page: signedIn, AppName: "Moderator", RedirectURI: "urn:ietf:wg:oauth:2.0:oob", Account: ines(), Scopes: []string{"admin:read", "admin:read:reports", "admin:write:reports", "read:accounts", "magic"}})
		},
		"out_of_band": func(r *Renderer, w io.Writer) error {
			return r.OutOfBand(w, OutOfBand{signedIn, "toot", "kQ3vTf0x9LrPzB2nWm7y"})
		},
		"apps": func(r *Renderer, w io.Writer) error {
			return r.Apps(w, Apps{signedIn, []AuthorizedApp{mastodonApp, {ID: "8", Name: "toot", Scopes: []string{"read:statuses"}, CreatedAt: at(3, 10, 0)}}})
		},
		"profile_settings": func(r *Renderer, w io.Writer) error {
			return r.ProfileSettings(w, ProfileSettings{Page: signedIn, DisplayName: "Ann", Note: "I like\nelephants.", Locked: true, MaxName: 30, MaxNote: 500,
				ProfileURL: "https://gomph.example/@ann", PendingURL: PathPending})
		},
		"cleanup_settings": func(r *Renderer, w io.Writer) error {
			return r.CleanupSettings(w, CleanupSettings{Page: signedIn, Enabled: true, Age: 14, Ages: []Choice{{7, "1 week"}, {14, "2 weeks"}}, MinFavs: "5",
				Keep: []Check{{"keep_direct", "Private mentions", true}, {"keep_polls", "Posts with a poll", false}}})
		},
		"pending": func(r *Renderer, w io.Writer) error {
			return r.Pending(w, Pending{signedIn, []Applicant{{ID: "7", Username: "bob", Email: "bob@mail.example", Reason: "To read about elephants.", IP: "192.0.2.7", CreatedAt: at(3, 10, 0)}}})
		},
		"pending_none": func(r *Renderer, w io.Writer) error { return r.Pending(w, Pending{Page: signedIn}) },
		"apps_none":    func(r *Renderer, w io.Writer) error { return r.Apps(w, Apps{Page: signedIn}) },
		"account": func(r *Renderer, w io.Writer) error {
			p := AccountSettings{Page: signedIn, Email: "ines@mail.example", PendingEmail: "ines@marsh.example", MinPassword: 8,
				EmailForm:    Form{Errors: map[string]string{"current_password": "This is not your password."}},
				PasswordForm: Form{Errors: map[string]string{"password": "Choose a longer one."}},
				Sessions:     []Session{{"1", "Firefox on Linux", "192.0.2.17", at(3, 8, 0), at(23, 11, 58), true}, {"2", "Safari on iPhone", "2001:db8::17", at(10, 8, 0), at(22, 7, 1), false}}}
			p.Notice = "We wrote to ines@marsh.example. Follow the link to confirm."
			return r.AccountSettings(w, p)
		},
		"authorize_interaction": func(r *Renderer, w io.Writer) error {
			return r.AuthorizeInteraction(w, AuthorizeInteraction{Page: signedIn, Account: follower, URI: follower.ActivityURL})
		},
		"authorize_interaction_done": func(r *Renderer, w io.Writer) error {
			return r.AuthorizeInteraction(w, AuthorizeInteraction{Page: signedIn, Account: follower, URI: follower.ActivityURL, Requested: true})
		},
		"remote_follow": func(r *Renderer, w io.Writer) error {
			return r.RemoteFollow(w, RemoteFollow{Page: page, Account: ines(), Handle: "yuna", Form: Form{Errors: map[string]string{"handle": "Write it like @you@mastodon.social"}}})
		},
		"report": func(r *Renderer, w io.Writer) error {
			return r.Report(w, Report{Page: page, Account: ines(), Year: 2026, Archetype: "oracle", Statuses: 1412, Followers: 38, Hashtag: "ferns", HashtagUses: 77, Posts: []Post{focus}, URL: origin + "/@ines/wrapstodon/2026/KEY"})
		},
		"subscribe": func(r *Renderer, w io.Writer) error {
			return r.Subscribe(w, Subscribe{Page: page, State: SubscribeAsk, Account: ines(), Email: "me@", Form: Form{Errors: map[string]string{"email": "Is invalid."}}})
		},
		"subscribe_end": func(r *Renderer, w io.Writer) error {
			return r.Subscribe(w, Subscribe{Page: page, State: SubscribeEnd, Account: ines(), Email: "me@marsh.example", EndURL: PathUnsubscribe + "?token=x"})
		},
		"failure_404": func(r *Renderer, w io.Writer) error {
			return r.Failure(w, Failure{Page: Page{Site: noRest}, Status: 404})
		},
		"failure_401": func(r *Renderer, w io.Writer) error {
			return r.Failure(w, Failure{Page: Page{Site: noRest}, Status: 401})
		},
		"failure_503": func(r *Renderer, w io.Writer) error {
			return r.Failure(w, Failure{Page: Page{Site: noRest}, Status: 503, RequestID: "01JDF8"})
		},
	}
	return pages
}

func newRenderer(t testing.TB, dist fs.FS) *Renderer {
	t.Helper()
	r, err := New(dist, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPagesMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, builtDist())
	for name, draw := range samplePages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := draw(r, &got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("page differs from %s; run with -update and read the change:\n%s", file, diff)
			}
		})
	}
}

func BenchmarkProfile(b *testing.B) {
	r := newRenderer(b, builtDist())
	posts := append(append(allPosts(), allPosts()...), allPosts()[:6]...)
	p := Profile{Page: samplePage(), Account: ines(), Posts: posts}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Profile(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
