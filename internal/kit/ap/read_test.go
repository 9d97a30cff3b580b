package ap

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/google/go-cmp/cmp"
)

// checkActor asserts what every caller may rely on, whatever came in.
func checkActor(t *testing.T, a Actor) {
	t.Helper()
	for _, own := range []string{a.SharedInbox, a.Outbox, a.Followers, a.Following, a.Featured, a.FeaturedTags, a.URL, a.PublicKeyID} {
		if own != "" && !SameHost(own, a.ID) {
			t.Errorf("%q is not on the host of %q", own, a.ID)
		}
	}
	for _, u := range []string{a.ID, a.Inbox, a.IconURL, a.ImageURL, a.MovedTo, a.KeyOwner} {
		if u != "" && HostOf(u) == "" {
			t.Errorf("%q is no address", u)
		}
	}
	if len(a.Name) > maxName || len(a.Summary) > maxBio || len(a.Fields) > maxFields || len(a.Tags) > maxTags || len(a.AlsoKnownAs) > maxAliases || len(a.AttributionDomains) > maxDomains || a.PreferredUsername == "" {
		t.Errorf("bounds: %.100v", a)
	}
	if !utf8.ValidString(a.Name + a.Summary) {
		t.Error("cut inside a character")
	}
}

func checkNote(t *testing.T, n Note) {
	t.Helper()
	if HostOf(n.ID) == "" || !SameHost(n.URL, n.ID) || n.Replies != "" && !SameHost(n.Replies, n.ID) || n.RepliesNext != "" && !SameHost(n.RepliesNext, n.ID) {
		t.Errorf("hosts: %q %q %q", n.ID, n.URL, n.Replies)
	}
	if len(n.Content) > maxContent || len(n.Summary) > maxSummary || len(n.Tags) > maxTags || len(n.Attachments) > maxAttachments || len(n.To) > maxRecipients || len(n.RepliesItems) > maxReplies {
		t.Errorf("bounds: %.100v", n)
	}
	for _, a := range n.Attachments {
		if HostOf(a.URL) == "" || a.FocalX < -1 || a.FocalX > 1 || a.Width < 0 || len(a.Name) > maxDescription {
			t.Errorf("%.200v", a)
		}
	}
	for _, to := range append(n.To, n.Cc...) {
		if HostOf(to) == "" {
			t.Errorf("addressee %q", to)
		}
	}
	if n.Poll != nil && (len(n.Poll.Options) == 0 || len(n.Poll.Options) > maxOptions || n.Poll.VotersCount < -1) {
		t.Errorf("%v", n.Poll)
	}
	if !n.Updated.IsZero() && !n.Updated.After(n.Published) {
		t.Error("updated before published")
	}
}

func TestReadActorRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `{"type":"Person","preferredUsername":"a"}`, `{"id":"acct:a@b.example","type":"Person","preferredUsername":"a"}`, `{"id":"https://a.example/1","type":"Note","preferredUsername":"a"}`,
		`{"id":"https://a.example/1","type":7,"preferredUsername":"a"}`, `{"id":"https://a.example/1","type":"Person"}`, `{"id":"https://a.example/1","type":"Person","preferredUsername":["",{}]}`, `{"id":["https://a.example/1"],"type":"Person","preferredUsername":"a"}`,
	} {
		if a, err := ReadActor(parse(t, body)); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("%s: %+v, %v", body, a, err)
		}
	}
}

// TestReadActorForeignClaims covers ORG-07, ORG-09, ORG-11 and SIG-18: claims about other hosts are dropped.
func TestReadActorForeignClaims(t *testing.T) {
	t.Parallel()
	a, err := ReadActor(parse(t, `{"id":"https://evil.example/users/m","type":["Person","Note"],"preferredUsername":" m ","inbox":"https://evil.example/inbox",
		"followers":"https://www.w3.org/ns/activitystreams#Public","following":"https://good.example/users/bob/following","outbox":"as:Public","featured":{"id":"https://good.example/f"},"featuredTags":"http://evil.example/t",
		"url":"https://good.example/@bob","endpoints":{"sharedInbox":"https://victim.example/inbox"},
		"publicKey":[{"id":"https://good.example/users/bob#main-key","owner":"https://evil.example/users/m","publicKeyPem":"X"},{"id":"https://evil.example/users/m#k","owner":"https://evil.example/users/m","publicKeyPem":"Y"}],
		"movedTo":{"id":"https://new.example/m"},"icon":[{"type":"Image","url":"javascript:1","summary":"no"},{"type":"Image","url":{"href":"https://cdn.example/a.png"},"name":"m smiles"}],"image":"https://cdn.example/b.png","showMedia":false,"showFeatured":"no","alsoKnownAs":"https://old.example/m","attributionDomains":["A.example","a.example/x","b.example:1",7,"a.example"]}`))
	if err != nil {
		t.Fatal(err)
	}
	checkActor(t, a)
	want := Actor{
		ID: "https://evil.example/users/m", Type: "Person", PreferredUsername: "m", Inbox: "https://evil.example/inbox", URL: "https://evil.example/users/m",
		PublicKeyID: "https://evil.example/users/m#k", PublicKeyPEM: "Y", KeyOwner: "https://evil.example/users/m", MovedTo: "https://new.example/m",
		IconURL: "https://cdn.example/a.png", IconAlt: "m smiles", ShowRepliesInMedia: true, ShowFeatured: true, ImageURL: "https://cdn.example/b.png", AlsoKnownAs: []string{"https://old.example/m"}, AttributionDomains: []string{"a.example"},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
}

// TestReadActorInboxes covers ORG-10: an inbox that cannot be written to is blank, whatever it is.
func TestReadActorInboxes(t *testing.T) {
	t.Parallel()
	for _, inbox := range []string{`"ftp://x"`, `"javascript:1"`, `"https://[bad"`, `""`, `{}`, `[]`, `["x"]`, `null`, `7`, `"https://xn--0.example/"`, `"https://u:p@a.example/inbox"`, `"` + strings.Repeat("https://a.example/", 20000) + `"`} {
		a, err := ReadActor(parse(t, `{"id":"https://a.example/1","type":"Person","preferredUsername":"a","inbox":`+inbox+`,"endpoints":{"sharedInbox":`+inbox+`}}`))
		if err != nil || a.Inbox != "" || a.SharedInbox != "" {
			t.Errorf("%.50s: %q, %v", inbox, a.Inbox, err)
		}
	}
}

func list(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(format, "%d", fmt.Sprint(i))
	}
	return "[" + strings.Join(items, ",") + "]"
}

// TestOversized covers FET-09: lists and texts are cut at the limits.
func TestOversized(t *testing.T) {
	t.Parallel()
	head := `{"id":"https://a.example/1","preferredUsername":"a","type":`
	for name, body := range map[string]string{
		"name": head + `"Person","name":"` + strings.Repeat("é", 400_000) + `","summary":"x` + strings.Repeat("é", 50_000) + `"}`, "fields": head + `"Person","attachment":` + list(5000, `{"type":"PropertyValue","name":"n%d","value":"v"}`) + `}`,
		"aliases": head + `"Person","alsoKnownAs":` + list(10_000, `"https://b.example/%d"`) + `}`, "emoji": head + `"Person","tag":` + list(5000, `{"type":"Emoji","name":":e%d:","icon":{"url":"https://a.example/e"}}`) + `}`,
		"domains": head + `"Person","attributionDomains":` + list(10_000, `"d%d.example"`) + `}`,
	} {
		a, err := ReadActor(parse(t, body))
		if err != nil {
			t.Fatal(name, err)
		}
		checkActor(t, a)
	}
	for name, body := range map[string]string{
		"content": head + `"Note","content":"` + strings.Repeat("é", 400_000) + `"}`, "options": head + `"Question","anyOf":` + list(10_000, `{"type":"Note","name":"o%d"}`) + `}`, "to": head + `"Note","to":` + list(10_000, `"https://b.example/%d"`) + `}`,
		"attachments": head + `"Note","attachment":` + list(5000, `{"type":"Document","url":"https://a.example/%d","name":"`+strings.Repeat("x", 20)+`"}`) + `}`, "alt text": head + `"Note","attachment":{"type":"Image","url":"https://a.example/i","name":"` + strings.Repeat("x", 900_000) + `"}}`,
		"mentions": head + `"Note","tag":` + list(10_000, `{"type":"Mention","href":"https://b.example/%d","name":"@x"}`) + `}`, "replies": head + `"Note","replies":{"id":"https://a.example/r","first":{"items":` + list(10_000, `"https://b.example/%d"`) + `}}}`,
	} {
		n, err := ReadNote(parse(t, body))
		if err != nil {
			t.Fatal(name, err)
		}
		checkNote(t, n)
	}
}

// TestTypeConfusion covers AUZ-18: wrong shapes read as missing.
func TestTypeConfusion(t *testing.T) {
	t.Parallel()
	n, err := ReadNote(parse(t, `{"id":"https://a.example/1","type":["Create","Note"],"attributedTo":7,"content":{"a":1},"summary":[],"name":true,"to":{"a":1},"cc":[[["https://a.example/x"]]],"inReplyTo":{"id":"https://b.example/2","type":"Note"},
		"tag":"x","attachment":[{"type":"Person","url":"https://a.example/p"},"https://a.example/s",{"type":"Image"},{"type":"Image","url":"https://a.example/i","width":"640","height":-1,"focalPoint":[9,"x"],"blurhash":7,"mediaType":["image/PNG"]}],
		"replies":["x"],"published":7,"sensitive":"yes","likes":5,"shares":{"totalItems":-3},"source":"x","url":{"type":"Link","href":"https://evil.example/disguise"},"conversation":{},"quote":{"type":"Tombstone"},"_misskey_quote":"https://b.example/q"}`))
	if err != nil {
		t.Fatal(err)
	}
	checkNote(t, n)
	want := Note{
		ID: "https://a.example/1", Type: "Note", InReplyTo: "https://b.example/2", URL: "https://a.example/1", LikesTotal: -1, SharesTotal: -1, QuoteURI: "https://b.example/q", QuoteLegacy: true,
		Attachments: []Attachment{{Type: "Image", MediaType: "image/png", URL: "https://a.example/i", FocalX: 1}},
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{`{"type":"Note"}`, `{"id":"https://a.example/1","type":["Create","Delete"]}`, `{"id":7,"type":"Note"}`, `{"id":"https://a.example/1"}`} {
		if _, err := ReadNote(parse(t, body)); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestReadNoteShapes reads the same facts in the shapes that different servers send.
func TestReadNoteShapes(t *testing.T) {
	t.Parallel()
	n, err := ReadNote(parse(t, `{"id":"https://v.example/w/1","type":"Video","name":"Title","attributedTo":[{"type":"Group","id":"https://other.example/g"},{"type":"Person","id":"https://v.example/a"}],
		"contentMap":{"fr":"Bonjour","en":"Hello"},"content":"Hello","summaryMap":{"en":"CW"},"to":"as:Public","cc":["https://v.example/f","https://v.example/f","nonsense"],"published":"2026-11-01T12:00:00Z","updated":"2026-10-01T12:00:00Z",
		"url":[{"type":"Link","mediaType":"video/mp4","href":"https://v.example/x.mp4"},{"type":"Link","mediaType":"text/html","href":"https://v.example/w/x"}],"source":{"content":"*Hello*","mediaType":"text/markdown"},
		"context":"https://v.example/c/1","conversation":"tag:v.example,2026:1","replies":{"id":"https://v.example/r","type":"Collection","first":"https://v.example/r?page=1"},"tag":{"type":"Hashtag","name":"#go"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Note{
		ID: "https://v.example/w/1", Type: "Video", Name: "Title", AttributedTo: "https://v.example/a", Content: "Hello", Language: "en", Summary: "CW", To: []string{Public}, Cc: []string{"https://v.example/f"},
		Published: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), URL: "https://v.example/w/x", Source: "*Hello*", SourceType: "text/markdown", Context: "https://v.example/c/1", Conversation: "tag:v.example,2026:1",
		Replies: "https://v.example/r", RepliesNext: "https://v.example/r?page=1", Tags: []Tag{{Type: "Hashtag", Name: "#go"}}, LikesTotal: -1, SharesTotal: -1,
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Error(diff)
	}
}

func TestReadPoll(t *testing.T) {
	t.Parallel()
	n, err := ReadNote(parse(t, `{"id":"https://a.example/1","type":"Question","anyOf":[{"type":"Note","name":"a","replies":{"type":"Collection","totalItems":2}},{"type":"Note","content":"b","replies":{"totalItems":-1}}],"closed":"2026-11-01T12:00:00Z","votersCount":2}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Poll{Options: []PollOption{{"a", 2}, {"b", 0}}, Multiple: true, EndTime: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Closed: true, VotersCount: 2}
	if diff := cmp.Diff(want, n.Poll); diff != "" {
		t.Error(diff)
	}
	n, err = ReadNote(parse(t, `{"id":"https://a.example/1","type":"Note","oneOf":[{"name":"a"}]}`))
	if err != nil || n.Poll != nil {
		t.Error("a Note has no poll", n.Poll, err)
	}
}

func TestNotAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ in, want time.Time }{{now.Add(-time.Hour), now.Add(-time.Hour)}, {now.AddDate(300, 0, 0), now}, {time.Time{}, now}} {
		if got := NotAfter(c.in, now); !got.Equal(c.want) {
			t.Errorf("%v: %v", c.in, got)
		}
	}
}
