// Package translate owns how texts are translated: by a LibreTranslate server or by DeepL, whichever the operator set.
package translate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
)

const (
	// limit is how long a translation may take: somebody waits for it.
	limit = 20 * time.Second
	// maxAnswer bounds an answer in bytes: a post with its attachments has some 20 KB, and translations are hardly twice as long.
	maxAnswer = 1 << 20
	// statusQuota is DeepL's answer when the month's characters are used up.
	statusQuota = 456
)

// Auto stands for a language that is to be found out.
const Auto = "und"

// Options name a service. Endpoint is a LibreTranslate server's; with a DeepLKey it is DeepL, on the free plan unless DeepLPro is set.
type Options struct {
	Fetch                 *fetch.Client
	Endpoint, EndpointKey string
	DeepLKey              string
	DeepLPro              bool
	deepL                 string // instead of DeepL's own address, for tests
}

// Translator translates. nil is one that does not.
type Translator struct{ Options }

// New makes a translator, or nil when no service is named.
func New(o Options) *Translator {
	if o.Endpoint == "" && o.DeepLKey == "" {
		return nil
	}
	if o.deepL == "" {
		o.deepL = "https://api-free.deepl.com"
		if o.DeepLPro {
			o.deepL = "https://api.deepl.com"
		}
	}
	o.Endpoint = strings.TrimSuffix(o.Endpoint, "/")
	return &Translator{o}
}

// Result is a translation: Texts in the order asked for, as HTML, From the language that they were in.
type Result struct {
	Texts          []string
	From, Provider string
}

// Translate translates pieces of HTML. from may be Auto. It fails with errs.TooManyKind or errs.UnavailableKind when the service does not answer now.
func (t *Translator) Translate(ctx context.Context, texts []string, from, to string) (Result, error) {
	if t.DeepLKey != "" {
		return t.byDeepL(ctx, texts, from, to)
	}
	return t.byLibre(ctx, texts, from, to)
}

// Languages says from which language, or Auto, to which others can be translated.
func (t *Translator) Languages(ctx context.Context) (map[string][]string, error) {
	if t.DeepLKey != "" {
		return t.languagesOfDeepL(ctx)
	}
	var list []struct {
		Code    string
		Targets []string
	}
	if err := t.ask(ctx, fetch.Request{URL: t.Endpoint + "/languages"}, &list); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	all := map[string]bool{}
	for _, l := range list {
		for _, target := range l.Targets {
			if target = own(target); target != own(l.Code) {
				out[own(l.Code)] = append(out[own(l.Code)], target)
				all[target] = true
			}
		}
	}
	for target := range all {
		out[Auto] = append(out[Auto], target)
	}
	return out, nil
}

// own is our code of a language as a service writes it.
func own(code string) string {
	base, region, _ := strings.Cut(strings.ToLower(code), "-")
	if base == "zh" && region != "" {
		return map[string]string{"hans": "zh-CN", "hant": "zh-TW", "tw": "zh-TW"}[region]
	}
	return base
}

func base(code string) string {
	out, _, _ := strings.Cut(strings.ToLower(code), "-")
	return out
}

func (t *Translator) byLibre(ctx context.Context, texts []string, from, to string) (Result, error) {
	if from == Auto {
		from = "auto"
	}
	body, err := json.Marshal(map[string]any{"q": texts, "source": base(from), "target": base(to), "format": "html", "api_key": t.EndpointKey})
	if err != nil {
		return Result{}, err
	}
	var answer struct {
		TranslatedText   []string
		DetectedLanguage json.RawMessage
	}
	err = t.ask(ctx, fetch.Request{Method: http.MethodPost, URL: t.Endpoint + "/translate", Body: body, Header: http.Header{"Content-Type": {"application/json"}}}, &answer)
	if err != nil {
		return Result{}, err
	}
	out := Result{Texts: answer.TranslatedText, From: base(from), Provider: "LibreTranslate"}
	if from == "auto" {
		var detected []struct{ Language string }
		if json.Unmarshal(answer.DetectedLanguage, &detected) == nil && len(detected) > 0 { // older servers say it otherwise
			out.From = own(detected[0].Language)
		}
	}
	return out, whole(out, texts)
}

func (t *Translator) byDeepL(ctx context.Context, texts []string, from, to string) (Result, error) {
	form := url.Values{"text": texts, "target_lang": {deepLTarget(to)}, "tag_handling": {"html"}}
	if from != Auto {
		form.Set("source_lang", strings.ToUpper(base(from)))
	}
	var answer struct {
		Translations []struct {
			Text string
			From string `json:"detected_source_language"`
		}
	}
	err := t.ask(ctx, fetch.Request{Method: http.MethodPost, URL: t.deepL + "/v2/translate", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"DeepL-Auth-Key " + t.DeepLKey}}}, &answer)
	if err != nil {
		return Result{}, err
	}
	out := Result{Provider: "DeepL.com"}
	for _, one := range answer.Translations {
		out.Texts, out.From = append(out.Texts, one.Text), own(one.From)
	}
	return out, whole(out, texts)
}

// deepLTarget is DeepL's name of a language to translate to: of some it wants a region.
func deepLTarget(code string) string {
	switch code {
	case "en":
		return "EN-US"
	case "pt":
		return "PT-PT"
	case "zh-TW", "zh-HK":
		return "ZH-HANT"
	case "zh-CN", "zh":
		return "ZH-HANS"
	}
	return strings.ToUpper(base(code))
}

func (t *Translator) languagesOfDeepL(ctx context.Context) (map[string][]string, error) {
	read := func(kind string) ([]string, error) {
		var list []struct{ Language string }
		err := t.ask(ctx, fetch.Request{URL: t.deepL + "/v2/languages?type=" + kind, Header: http.Header{"Authorization": {"DeepL-Auth-Key " + t.DeepLKey}}}, &list)
		var out []string
		seen := map[string]bool{}
		for _, l := range list {
			if code := own(l.Language); !seen[code] {
				seen[code] = true
				out = append(out, code)
			}
		}
		return out, err
	}
	sources, err := read("source")
	if err != nil {
		return nil, err
	}
	targets, err := read("target")
	if err != nil {
		return nil, err
	}
	out := map[string][]string{Auto: targets}
	for _, from := range sources {
		for _, to := range targets {
			if to != from {
				out[from] = append(out[from], to)
			}
		}
	}
	return out, nil
}

func (t *Translator) ask(ctx context.Context, r fetch.Request, into any) error {
	r.Timeout, r.MaxBody, r.Redirects = limit, maxAnswer, -1
	res, err := t.Fetch.Do(ctx, r)
	switch code := fetch.StatusOf(err); {
	case code == http.StatusTooManyRequests:
		return errs.Wrap(errs.TooManyKind, err, "Too many texts are translated at present, try again later")
	case code == statusQuota:
		return errs.Wrap(errs.UnavailableKind, err, "What may be translated this month is used up")
	case err != nil:
		return errs.Wrap(errs.UnavailableKind, err, "The translation service does not answer")
	}
	if err := json.NewDecoder(bytes.NewReader(res.Body)).Decode(into); err != nil {
		return errs.Wrap(errs.UnavailableKind, err, "The answer of the translation service cannot be read")
	}
	return nil
}

// whole refuses an answer with other than as many texts as were sent.
func whole(r Result, texts []string) error {
	if len(r.Texts) != len(texts) {
		return errs.Wrap(errs.UnavailableKind, errors.New(fmt.Sprint(len(r.Texts), " texts for ", len(texts))), "The answer of the translation service cannot be read")
	}
	return nil
}
