package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/translate"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// translations counts what each test's server translated.
var translations sync.Map

// libreTranslate is a translator that writes German in capitals, and tries to smuggle a script in.
func libreTranslate(t testing.TB) *translate.Translator {
	t.Helper()
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/languages" {
			_, _ = w.Write([]byte(`[{"code":"en","targets":["de"]},{"code":"de","targets":["en"]}]`))
			return
		}
		var in struct{ Q []string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		for i := range in.Q {
			in.Q[i] = strings.NewReplacer("hello", "HALLO", "yes", "JA", "</p>", "</p><script>alert(1)</script>").Replace(in.Q[i])
		}
		asked++
		translations.Store(t.Name(), asked)
		_ = json.NewEncoder(w).Encode(map[string]any{"translatedText": in.Q, "detectedLanguage": []map[string]any{{"language": "en"}}})
	}))
	t.Cleanup(web.Close)
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "test"})
	t.Cleanup(client.Close)
	return translate.New(translate.Options{Fetch: client, Endpoint: web.URL})
}

// TestTranslations: what a translation service answers is cleaned like everything from elsewhere (HTM-03).
func TestTranslations(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		st := d.Post(ann.Account, "hello :blob: <world>", func(x *statuses.Draft) {
			x.Language, x.SpoilerText = "en", "hello & yes"
			x.Poll = &statuses.PollDraft{Options: []string{"yes", "no"}, ExpiresIn: time.Hour}
		})
		at := path("/api/v1/statuses/%d/translate", st.ID)
		got := d.post(at, ann, object{"lang": "de"})
		got.is("content", "<p>HALLO :blob: &lt;world&gt;</p>").is("spoiler_text", "HALLO & JA").is("language", "de").is("detected_source_language", "en").is("provider", "LibreTranslate").
			is("poll.options.0.title", "JA").is("poll.options.1.title", "no")
		d.post(at, ann, object{"lang": "de"}).is("spoiler_text", "HALLO & JA")
		if n, _ := translations.Load(t.Name()); n != 1 {
			t.Errorf("translated %v times", n)
		}
		d.post(at, ann, object{"lang": "fr"}).want(403)
		d.post(at, ann, object{"lang": "en"}).want(403)
		secret := d.Post(ann.Account, "hello", func(x *statuses.Draft) { x.Language, x.Visibility = "en", statuses.Private })
		d.post(path("/api/v1/statuses/%d/translate", secret.ID), ann, object{"lang": "de"}).want(403)
		d.post(path("/api/v1/statuses/%d/translate", secret.ID), d.person("bob"), object{"lang": "de"}).want(404)
		d.get("/api/v1/instance/translation_languages", nobody).is("en.0", "de").is("und.1", "en")
		d.get("/api/v2/instance", nobody).is("configuration.translation.enabled", true)
	})
}
