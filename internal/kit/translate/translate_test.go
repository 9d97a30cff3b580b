package translate

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
)

func open(t *testing.T, h http.HandlerFunc, o Options) *Translator {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	o.Fetch = fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "test"})
	t.Cleanup(o.Fetch.Close)
	if o.DeepLKey != "" {
		o.deepL = web.URL
	} else {
		o.Endpoint = web.URL + "/"
	}
	return New(o)
}

func TestLibreTranslate(t *testing.T) {
	t.Parallel()
	tr := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/languages" {
			_, _ = w.Write([]byte(`[{"code":"en","name":"English","targets":["de","en","zh-Hans"]},{"code":"de","name":"German","targets":["en"]}]`))
			return
		}
		var in struct {
			Q                      []string
			Source, Target, Format string
			Key                    string `json:"api_key"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Key != "sesame" || in.Format != "html" || in.Target != "de" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for i := range in.Q {
			in.Q[i] = strings.ReplaceAll(in.Q[i], "hello", "hallo")
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"translatedText": in.Q, "detectedLanguage": []map[string]any{{"language": "en", "confidence": 90}, {"language": "fr"}}})
	}, Options{EndpointKey: "sesame"})
	got, err := tr.Translate(t.Context(), []string{"<p>hello</p>", "x"}, Auto, "de")
	if err != nil || !slices.Equal(got.Texts, []string{"<p>hallo</p>", "x"}) || got.From != "en" || got.Provider != "LibreTranslate" {
		t.Errorf("%+v: %v", got, err)
	}
	if got, err = tr.Translate(t.Context(), []string{"hello"}, "en", "de"); err != nil || got.From != "en" {
		t.Errorf("%+v: %v", got, err)
	}
	languages, err := tr.Languages(t.Context())
	slices.Sort(languages[Auto])
	if err != nil || !slices.Equal(languages["en"], []string{"de", "zh-CN"}) || !slices.Equal(languages["de"], []string{"en"}) || !slices.Equal(languages[Auto], []string{"de", "en", "zh-CN"}) {
		t.Errorf("%v: %v", languages, err)
	}
}

func TestDeepL(t *testing.T) {
	t.Parallel()
	tr := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "DeepL-Auth-Key sesame":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Query().Get("type") == "source":
			_, _ = w.Write([]byte(`[{"language":"DE","name":"German"},{"language":"EN","name":"English"}]`))
		case r.URL.Query().Get("type") == "target":
			_, _ = w.Write([]byte(`[{"language":"DE"},{"language":"EN-GB"},{"language":"EN-US"}]`))
		case r.FormValue("target_lang") != "EN-US" || r.FormValue("tag_handling") != "html":
			w.WriteHeader(http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte(`{"translations":[{"detected_source_language":"DE","text":"<p>hello</p>"}]}`))
		}
	}, Options{DeepLKey: "sesame"})
	got, err := tr.Translate(t.Context(), []string{"<p>hallo</p>"}, Auto, "en")
	if err != nil || !slices.Equal(got.Texts, []string{"<p>hello</p>"}) || got.From != "de" || got.Provider != "DeepL.com" {
		t.Errorf("%+v: %v", got, err)
	}
	if _, err := tr.Translate(t.Context(), []string{"a", "b"}, Auto, "en"); errs.KindOf(err) != errs.UnavailableKind {
		t.Errorf("an answer that lacks texts: %v", err)
	}
	languages, err := tr.Languages(t.Context())
	if err != nil || !slices.Equal(languages["de"], []string{"en"}) || !slices.Equal(languages["en"], []string{"de"}) || len(languages[Auto]) != 2 {
		t.Errorf("%v: %v", languages, err)
	}
}

func TestServicesThatFail(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]errs.Kind{429: errs.TooManyKind, 456: errs.UnavailableKind, 500: errs.UnavailableKind, 403: errs.UnavailableKind, 200: errs.UnavailableKind} {
		tr := open(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, Options{})
		if _, err := tr.Translate(t.Context(), []string{"x"}, "en", "de"); errs.KindOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
	if New(Options{}) != nil {
		t.Error("a translator without a service")
	}
}
