package ldsig

import (
	"encoding/json"
	"testing"
)

// FuzzRead: reading a signed document ends, and what was never signed does not verify (LDS-05).
func FuzzRead(f *testing.F) {
	for _, doc := range []string{create, undo} {
		body, err := Sign([]byte(doc), bobsKey, testKey(), now)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[:len(body)-20])
		var m map[string]any
		if json.Unmarshal(body, &m) == nil {
			m["actor"] = "https://evil.example/users/mallory"
			altered, _ := json.Marshal(m)
			f.Add(altered)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := Read(body); err == nil && s.Fits(testKey().Public()) {
			t.Error("something that was never signed verifies")
		}
		_, _ = ReadProof(body)
	})
}
