package ap

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	alice = "https://us.example/users/alice"
	bob   = "https://good.example/users/bob"
)

func sampleNote() *NoteDoc {
	id := alice + "/statuses/1"
	return &NoteDoc{
		ID: id, Type: "Note", Published: FormatTime(time.Date(2026, 11, 1, 12, 0, 0, 5000, time.UTC)), URL: "https://us.example/@alice/1", AttributedTo: alice,
		To: []string{Public}, Cc: []string{alice + "/followers", bob}, AtomURI: Text(id), Conversation: "tag:us.example,2026-11-01:objectId=1:objectType=Conversation",
		Content: `<p>Hi <a href="https://good.example/@bob">@bob</a> & all</p>`, ContentMap: map[string]string{"en": "<p>…</p>"},
		Attachment: []MediaDoc{func() MediaDoc {
			m := Media("image/png", "https://us.example/m/1.png", "", "UBL_:rOpGG")
			m.FocalPoint, m.Width, m.Height = &[2]float64{-0.5, 0.25}, 640, 480
			return m
		}()},
		Tag:     []TagDoc{Mention(bob, "bob@good.example"), Hashtag("https://us.example/tags/go", "go"), Emoji("https://us.example/emojis/1", "blob", "2026-01-01T00:00:00Z", Image("image/png", "https://us.example/e/1.png"))},
		Replies: Collection(id+"/replies", -1, Page("", id+"/replies", id+"/replies?page=true", nil)),
		Likes:   Collection(id+"/likes", 3, nil), Shares: Collection(id+"/shares", 0, nil),
	}
}

func sampleActor() *ActorDoc {
	return &ActorDoc{
		ID: alice, Type: "Person", Following: alice + "/following", Followers: alice + "/followers", Inbox: alice + "/inbox", Outbox: alice + "/outbox",
		Featured: alice + "/collections/featured", FeaturedTags: alice + "/collections/tags", PreferredUsername: "alice", Name: "Alice", Summary: "<p>Hello</p>",
		URL: "https://us.example/@alice", Discoverable: true, Published: "2026-01-01T00:00:00Z", AlsoKnownAs: []string{"https://old.example/users/alice"},
		AttributionDomains: []string{"us.example"}, PublicKey: PublicKeyDoc{ID: alice + "#main-key", Owner: alice, PublicKeyPEM: "PEM"},
		Attachment: []FieldDoc{Field{"Web", "us.example"}.Doc()}, Endpoints: EndpointsDoc{"https://us.example/inbox"}, Icon: Image("image/png", "https://us.example/a.png"),
	}
}

// TestGolden keeps names, order and contexts; -update rewrites the files for review.
func TestGolden(t *testing.T) {
	t.Parallel()
	voters := int64(3)
	question := sampleNote()
	question.Type, question.Attachment, question.Tag = "Question", nil, nil
	question.Summary, question.Sensitive, question.InReplyTo = "cw", true, Text(bob+"/statuses/9")
	question.OneOf, question.EndTime, question.Closed, question.VotersCount = []OptionDoc{Option("yes", 2), Option("no", 1)}, "2026-11-02T00:00:00Z", "2026-11-02T00:00:00Z", &voters
	question.Updated = "2026-11-01T13:00:00Z"
	quoting := sampleNote()
	quoting.Attachment, quoting.Tag, quoting.Replies, quoting.Likes, quoting.Shares = nil, nil, nil, nil, nil
	quoting.SetQuote(bob+"/statuses/9", bob+"/quote_authorizations/1")
	quoting.Interaction = &InteractionDoc{CanQuote: &ApprovalDoc{Automatic: []string{Public}}}
	moved := sampleActor()
	moved.MovedTo, moved.Suspended, moved.Memorial, moved.Webfinger = bob, true, true, "alice@us.example"
	moved.ShowFeatured = new(bool)
	follow := Follow(alice+"#follows/1", bob, alice)
	for name, doc := range map[string]any{
		"actor": sampleActor(), "actor_moved": moved, "note": sampleNote(), "question": question, "quote": quoting, "create": Create(sampleNote()),
		"vote":        CreateVote(Vote(alice+"#votes/1", alice, "yes", bob+"/statuses/9", bob)),
		"update":      UpdateNote(alice+"/statuses/1#updates/1", question),
		"update_self": UpdateActor(alice+"#updates/1", sampleActor()),
		"announce":    Announce(alice+"/statuses/2/activity", alice, "2026-11-01T12:00:00Z", []string{Public}, []string{bob, alice + "/followers"}, bob+"/statuses/9"),
		"undo":        Undo(alice+"#announces/2/undo", Announce(alice+"/statuses/2/activity", alice, "2026-11-01T12:00:00Z", []string{Public}, []string{}, bob+"/statuses/9"), []string{Public}),
		"delete":      DeleteNote(alice, alice+"/statuses/1", alice+"/statuses/1"), "delete_actor": DeleteActor(alice),
		"follow": Follow(alice+"#follows/1", alice, bob), "accept": Accept(alice+"#accepts/follows/1", alice, follow), "reject": Reject(alice+"#rejects/follows/1", alice, follow),
		"like": Like(alice+"#likes/1", alice, bob+"/statuses/9"), "block": Block(alice+"#blocks/1", alice, bob), "move": Move(alice+"#moves/1", alice, bob),
		"add": Add(alice, alice+"/statuses/1", alice+"/collections/featured"), "remove": Remove(alice, alice+"/statuses/1", alice+"/collections/featured"),
		"flag":       Flag("https://us.example/reports/1", "https://us.example/actor", "spam", []string{bob, bob + "/statuses/9"}),
		"outbox":     OrderedCollection(alice+"/outbox", 7, alice+"/outbox?page=true", alice+"/outbox?min_id=0&page=true"),
		"page":       OrderedPage(alice+"/outbox?page=true", alice+"/outbox", alice+"/outbox?max_id=1&page=true", "", []any{Create(sampleNote())}),
		"page_empty": OrderedPage(alice+"/outbox?page=true", alice+"/outbox", "", "", nil),
		"featured":   OrderedItems(alice+"/collections/featured", []any{sampleNote()}),
		"hidden":     OrderedCollection(alice+"/followers", -1, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := Document(doc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(body); err != nil {
				t.Fatalf("we do not read what we write: %v", err)
			}
			golden(t, name, body)
		})
	}
}

func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	v := jsontext.Value(body)
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		t.Fatal(err)
	}
	got := string(v) + "\n"
	path := filepath.Join("testdata", "golden", name+".json")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// TestOwnDocumentsReadBack: what is sent says the same to a reader.
func TestOwnDocumentsReadBack(t *testing.T) {
	t.Parallel()
	a, err := ReadActor(parsed(t, sampleActor()))
	if err != nil {
		t.Fatal(err)
	}
	if a.SharedInbox != "https://us.example/inbox" || a.PublicKeyPEM != "PEM" || a.KeyOwner != alice || len(a.Fields) != 1 || a.IconURL != "https://us.example/a.png" || a.AlsoKnownAs[0] != "https://old.example/users/alice" {
		t.Errorf("%+v", a)
	}
	n, err := ReadNote(parsed(t, Create(sampleNote())).Object("object"))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Tags) != 3 || n.Tags[2].IconURL != "https://us.example/e/1.png" || n.Attachments[0].FocalX != -0.5 || n.Attachments[0].Width != 640 || n.To[0] != Public || n.LikesTotal != 3 || n.URL != "https://us.example/@alice/1" || n.RepliesNext == "" {
		t.Errorf("%+v", n)
	}
}

func parsed(t *testing.T, doc any) *Object {
	t.Helper()
	body, err := Document(doc)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(body))
}

func parse(t *testing.T, body string) *Object {
	t.Helper()
	o, err := Parse([]byte(body))
	if err != nil {
		t.Fatalf("%.200s: %v", body, err)
	}
	return o
}

func BenchmarkDocument(b *testing.B) {
	a := Create(sampleNote())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Document(a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseReadNote(b *testing.B) {
	body, err := Document(Create(sampleNote()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		o, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ReadNote(o.Object("object")); err != nil {
			b.Fatal(err)
		}
	}
}
