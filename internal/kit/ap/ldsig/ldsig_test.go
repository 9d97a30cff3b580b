package ldsig

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const bobsKey = "https://good.example/users/bob#main-key"

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const create = `{"@context":["https://www.w3.org/ns/activitystreams",{"toot":"http://joinmastodon.org/ns#","sensitive":"as:sensitive","blurhash":"toot:blurhash",
 "focalPoint":{"@container":"@list","@id":"toot:focalPoint"},"votersCount":"toot:votersCount"}],
 "id":"https://good.example/notes/1/activity","type":"Create","actor":"https://good.example/users/bob","published":"2026-11-01T11:59:00Z",
 "to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["https://good.example/users/bob/followers"],
 "object":{"id":"https://good.example/notes/1","type":"Note","attributedTo":"https://good.example/users/bob","content":"<p>h&amp;i</p>","contentMap":{"en":"<p>h&amp;i</p>"},"sensitive":false,
 "published":"2026-11-01T11:59:00Z","to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["https://good.example/users/bob/followers"],
 "attachment":[{"type":"Document","mediaType":"image/png","url":"https://good.example/1.png","focalPoint":[0.0,-0.5],"width":10},
  {"type":"Document","mediaType":"image/png","url":"https://good.example/2.png","focalPoint":[0.0,-0.5],"width":10}],
 "tag":[{"type":"Mention","href":"https://us.example/users/alice","name":"@alice@us.example"}],
 "replies":{"id":"https://good.example/notes/1/replies","type":"Collection","first":{"type":"CollectionPage","partOf":"https://good.example/notes/1/replies","items":[]}}}}`

func signed(t testing.TB, doc string) map[string]any {
	t.Helper()
	body, err := Sign([]byte(doc), bobsKey, testKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, body)
}

func parsed(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// accepted reads and verifies; the document is nil when it is refused.
func accepted(t testing.TB, doc map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(body)
	if err != nil {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("refused by %v", err)
		}
		return nil
	}
	if !s.Fits(testKey().Public()) {
		return nil
	}
	if s.KeyID != bobsKey || !s.Created.Equal(now) {
		t.Errorf("signed by %s at %s", s.KeyID, s.Created)
	}
	return parsed(t, s.Document)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	got := accepted(t, signed(t, create))
	if got == nil {
		t.Fatal("our own signature does not verify")
	}
	delete(got, "@context")
	want := parsed(t, []byte(`{"id":"https://good.example/notes/1/activity","type":"Create","actor":"https://good.example/users/bob","published":"2026-11-01T11:59:00Z",
 "to":"as:Public","cc":"https://good.example/users/bob/followers",
 "object":{"id":"https://good.example/notes/1","type":"Note","attributedTo":"https://good.example/users/bob","content":"<p>h&amp;i</p>","contentMap":{"en":"<p>h&amp;i</p>"},"sensitive":false,
 "published":"2026-11-01T11:59:00Z","to":"as:Public","cc":"https://good.example/users/bob/followers",
 "attachment":[{"type":"Document","mediaType":"image/png","url":"https://good.example/1.png","focalPoint":[0,-0.5],"width":10},
  {"type":"Document","mediaType":"image/png","url":"https://good.example/2.png","focalPoint":[0,-0.5],"width":10}],
 "tag":{"type":"Mention","href":"https://us.example/users/alice","name":"@alice@us.example"},
 "replies":{"id":"https://good.example/notes/1/replies","type":"Collection","first":{"type":"CollectionPage","partOf":"https://good.example/notes/1/replies"}}}}`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// edit changes a signed document.
func edit(t testing.TB, doc string, change func(m map[string]any)) map[string]any {
	m := signed(t, doc)
	change(m)
	return m
}

func object(m map[string]any) map[string]any { return m["object"].(map[string]any) }

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m map[string]any){
		"text":        func(m map[string]any) { object(m)["content"] = "forged" },
		"actor":       func(m map[string]any) { m["actor"] = "https://good.example/users/carol" },
		"type":        func(m map[string]any) { m["type"] = "Update" },
		"more":        func(m map[string]any) { object(m)["summary"] = "x" },
		"less":        func(m map[string]any) { delete(object(m), "sensitive") },
		"audience":    func(m map[string]any) { object(m)["to"] = []any{} },
		"creator":     func(m map[string]any) { m["signature"].(map[string]any)["creator"] = bobsKey + "2" },
		"created":     func(m map[string]any) { m["signature"].(map[string]any)["created"] = "2026-11-02T12:00:00Z" },
		"option":      func(m map[string]any) { m["signature"].(map[string]any)["domain"] = "x" },
		"list option": func(m map[string]any) { m["signature"].(map[string]any)["nonce"] = []any{"x"} },
		"kind":        func(m map[string]any) { m["signature"].(map[string]any)["type"] = "Ed25519Signature2018" },
		"value":       func(m map[string]any) { m["signature"].(map[string]any)["signatureValue"] = "AAAA" },
		"two":         func(m map[string]any) { m["signature"] = []any{m["signature"]} },
		"none":        func(m map[string]any) { delete(m, "signature") },
	} {
		if got := accepted(t, edit(t, create, change)); got != nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
}

// TestLDS01 rewrites a signed document so that its statements stay and its text reads differently: what is used says what was signed.
func TestLDS01(t *testing.T) {
	t.Parallel()
	plain := accepted(t, signed(t, create))
	for name, change := range map[string]func(m map[string]any){
		"another name for the actor": func(m map[string]any) {
			m["@context"] = append(m["@context"].([]any), map[string]any{"doer": map[string]any{"@id": "as:actor", "@type": "@id"}, "actor": "https://x.example/ns#a"})
			m["doer"] = m["actor"]
			m["actor"] = "https://evil.example/users/mallory"
		},
		"another name for the text": func(m map[string]any) {
			m["@context"] = append(m["@context"].([]any), map[string]any{"words": "as:content", "content": nil})
			object(m)["words"], object(m)["content"] = object(m)["content"], "forged"
		},
		"unsigned terms": func(m map[string]any) {
			object(m)["_misskey_quote"], object(m)["nonsense"] = "https://evil.example/1", "x"
		},
		"a relative node": func(m map[string]any) {
			object(m)["attachment"] = append(object(m)["attachment"].([]any), map[string]any{"id": "forged", "type": "Document", "url": "https://evil.example/1.png"})
		},
		"an undefined type":      func(m map[string]any) { m["nonsense"] = map[string]any{"type": "Update"} },
		"a null and an index":    func(m map[string]any) { object(m)["summary"] = nil },
		"a language of no shape": func(m map[string]any) { m["@context"] = append(m["@context"].([]any), map[string]any{"zz": nil}) },
	} {
		got := accepted(t, edit(t, create, change))
		if got == nil {
			continue // refused is as good
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

const undo = `{"@context":"https://www.w3.org/ns/activitystreams","id":"https://good.example/boosts/1#undo","type":"Undo","actor":"https://good.example/users/bob","to":["https://www.w3.org/ns/activitystreams#Public"],
 "object":{"id":"https://good.example/boosts/1","type":"Announce","actor":"https://good.example/users/bob","to":["https://www.w3.org/ns/activitystreams#Public"],"object":"https://good.example/notes/1"}}`

// TestLDS02 turns a signed Undo inside out.
func TestLDS02(t *testing.T) {
	t.Parallel()
	outer := func(m map[string]any) (announce, undo map[string]any) {
		announce = object(m)
		undo = map[string]any{"id": m["id"], "type": "Undo", "actor": m["actor"], "to": m["to"], "object": announce["id"]}
		announce["@context"], announce["signature"] = m["@context"], m["signature"]
		return announce, undo
	}
	for name, change := range map[string]func(m map[string]any) map[string]any{
		"graph": func(m map[string]any) map[string]any { a, u := outer(m); a["@graph"] = []any{u}; return a },
		"graph of both": func(m map[string]any) map[string]any {
			a, u := outer(m)
			return map[string]any{"@context": m["@context"], "signature": m["signature"], "type": "Announce", "@graph": []any{a, u}}
		},
		"included": func(m map[string]any) map[string]any { a, u := outer(m); a["@included"] = []any{u}; return a },
		"reverse": func(m map[string]any) map[string]any {
			a, u := outer(m)
			delete(u, "object")
			a["@reverse"] = map[string]any{"as:object": u}
			return a
		},
		"reverse term": func(m map[string]any) map[string]any {
			a, u := outer(m)
			delete(u, "object")
			a["@context"] = []any{m["@context"], map[string]any{"undone": map[string]any{"@reverse": "as:object"}}}
			a["undone"] = u
			return a
		},
		"alias of graph": func(m map[string]any) map[string]any {
			a, u := outer(m)
			a["@context"] = []any{m["@context"], map[string]any{"others": "@graph"}}
			a["others"] = []any{u}
			return a
		},
		"alias of included": func(m map[string]any) map[string]any {
			a, u := outer(m)
			a["@context"] = []any{m["@context"], map[string]any{"others": "@included"}}
			a["others"] = []any{u}
			return a
		},
		"nest": func(m map[string]any) map[string]any {
			a, u := outer(m)
			a["@nest"] = u
			return a
		},
		"scoped context": func(m map[string]any) map[string]any {
			a, u := outer(m)
			a["@context"] = []any{m["@context"], map[string]any{"x": map[string]any{"@id": "as:object", "@context": map[string]any{"y": map[string]any{"@reverse": "as:object"}}}}}
			a["x"] = map[string]any{"id": "https://good.example/notes/1", "y": u}
			return a
		},
		"another id": func(m map[string]any) map[string]any {
			m["@context"] = []any{m["@context"], map[string]any{"uri": "@id", "id": "https://x.example/ns#id", "kind": "@type", "type": "https://x.example/ns#type"}}
			m["uri"], m["kind"], m["id"], m["type"] = m["id"], m["type"], "https://good.example/boosts/1", "Announce"
			inner := object(m)
			inner["uri"], inner["kind"] = inner["id"], inner["type"]
			delete(inner, "id")
			delete(inner, "type")
			return m
		},
	} {
		got := accepted(t, change(signed(t, undo)))
		if got != nil && got["type"] != "Undo" {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
	if got := accepted(t, signed(t, undo)); got == nil || got["type"] != "Undo" || object(got)["type"] != "Announce" {
		t.Errorf("untouched it is %v", got)
	}
}

// TestLDS03: contexts that are not known void a signature; nothing is ever fetched, since the only loader reads files of its own.
func TestLDS03(t *testing.T) {
	t.Parallel()
	for _, context := range []any{"http://169.254.169.254/x", "https://evil.example/context", []any{"https://www.w3.org/ns/activitystreams", "file:///etc/passwd"}, "", "contexts/security-v1.json", map[string]any{"@import": "https://evil.example/x"}} {
		if got := accepted(t, edit(t, create, func(m map[string]any) { m["@context"] = context })); got != nil {
			t.Errorf("%v: accepted", context)
		}
	}
}

// TestLDS05: documents that take for ever to bring into canonical form are refused before.
func TestLDS05(t *testing.T) {
	t.Parallel()
	clique := func(n int) []any {
		var all []any
		for i := range n {
			node := map[string]any{"type": []any{}}
			for j := range n { // each pair shares an undefined type, which is a node without a name
				if i != j {
					node["type"] = append(node["type"].([]any), fmt.Sprintf("T%d-%d", min(i, j), max(i, j)))
				}
			}
			all = append(all, node)
		}
		return all
	}
	var twins []any
	for range 2 {
		var children []any
		for range 12 {
			children = append(children, map[string]any{"type": "Note", "tag": map[string]any{"type": "Mention"}})
		}
		twins = append(twins, map[string]any{"type": "Collection", "items": children})
	}
	deep := any("x")
	for range 40 {
		deep = map[string]any{"object": deep}
	}
	for name, tag := range map[string]any{
		"clique": clique(12), "twins": twins, "deep": deep, "many": clique(70), "named": []any{map[string]any{"id": "_:a", "tag": "_:b"}},
		"large": strings.Repeat("x", maxDocument), "wide": make([]any, maxValues+1),
	} {
		doc := parsed(t, []byte(create))
		object(doc)["tag"] = tag
		doc["signature"] = map[string]any{"type": kind, "creator": bobsKey, "created": "2026-11-01T12:00:00Z", "signatureValue": "AAAA"}
		body, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(body); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	body, err := Sign([]byte(create), bobsKey, testKey(), now)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Read(body); err != nil {
			b.Fatal(err)
		}
	}
}
