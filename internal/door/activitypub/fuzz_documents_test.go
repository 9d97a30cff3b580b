package activitypub

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

// FuzzWebFinger: whatever a domain answers, what is made of it is a valid handle in its one form, and a valid address.
func FuzzWebFinger(f *testing.F) {
	f.Add([]byte(`{"subject":"acct:bob@good.example","links":[{"rel":"self","type":"application/activity+json","href":"https://good.example/users/bob"}]}`))
	f.Add([]byte(`{"subject":"acct:bob@GOOD.example.","links":[{"rel":"self","type":"application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"","href":"https://good.example/users/bob"}]}`))
	f.Add([]byte(`{"subject":"acct:bob@good.example\u0000.evil.example","links":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := readFinger(body, accounts.Handle{Username: "bob", Domain: "good.example"})
		if err != nil {
			return
		}
		if domain, err := text.NormalizeDomain(out.handle.Domain); err != nil || domain != out.handle.Domain || !text.ValidRemoteUsername(out.handle.Username) || len(out.handle.Username) > maxUsername {
			t.Errorf("the handle is %+v: %v", out.handle, err)
		}
		if !weburl.Valid(out.self) {
			t.Errorf("the actor is %q", out.self)
		}
	})
}

// FuzzActor: whatever an actor says, what is stored of it is bounded, and points to its own host where it must.
func FuzzActor(f *testing.F) {
	f.Add([]byte(`{"id":"https://good.example/users/bob","type":"Person","preferredUsername":"bob","inbox":"https://good.example/users/bob/inbox","summary":"<p>x</p>","attachment":[{"type":"PropertyValue","name":"a","value":"b"}]}`))
	f.Add([]byte(`{"id":"https://good.example/users/bob","type":["Person","X"],"preferredUsername":"bob","publicKey":[{"id":"https://evil.example/k"},{"id":"https://good.example/k","owner":"https://good.example/users/bob","publicKeyPem":"-----BEGIN PUBLIC KEY-----"}]}`))
	f.Add([]byte(`{"id":"https://good.example/users/bob","type":"Person","preferredUsername":"bob","assertionMethod":[{"id":"https://good.example/users/bob#k","type":"Multikey","controller":"https://good.example/users/bob","publicKeyMultibase":"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := ap.Parse(body)
		if err != nil {
			return
		}
		actor, err := ap.ReadActor(o)
		if err != nil {
			return
		}
		remote := remoteActor(actor, accounts.Handle{Username: "bob", Domain: "good.example"})
		remote.PublicKey, remote.PublicKeyID = usableKey(actor)
		for _, k := range append(furtherKeys(actor), accounts.Key{ID: remote.PublicKeyID}) {
			if k.ID != "" && !ap.SameHost(k.ID, actor.ID) {
				t.Errorf("the key %q is on another host than %q", k.ID, actor.ID)
			}
		}
		for _, uri := range []string{remote.SharedInboxURL, remote.OutboxURL, remote.FollowersURL, remote.FollowingURL, remote.FeaturedURL, remote.URL} {
			if uri != "" && !ap.SameHost(uri, actor.ID) {
				t.Errorf("%q is on another host than %q", uri, actor.ID)
			}
		}
		if remote.InboxURL != "" && !weburl.Valid(remote.InboxURL) {
			t.Errorf("the inbox is %q", remote.InboxURL)
		}
		if len([]rune(remote.DisplayName)) > maxRemoteName || len(remote.Fields) > 20 {
			t.Errorf("a name of %d, %d fields", len(remote.DisplayName), len(remote.Fields))
		}
	})
}
