package httpio

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// maxBody bounds a request without files: far above any post, far below harm.
	maxBody = 1 << 20
	// maxParams bounds how many values a request may carry (INB-07).
	maxParams = 2000
	// maxDepth bounds nested parameters (INB-02).
	maxDepth = 8
	// fileMemory is how many bytes of an upload are kept in memory, twice while they come; a longer one is a temporary file. A hundred uploads at
	// once must not fill a small machine: with 1 MB each they took 300 MB.
	fileMemory = 16 << 10
)

// Params are a request's parameters, wherever they came from: query, JSON, form or multipart, as Rails reads them. Values
// are string, bool, json.Number, nil, []any or map[string]any.
type Params struct {
	values map[string]any
	form   *multipart.Form
}

// Read collects the parameters of a request; those of the body win over those of the address. MaxFile is the most bytes of
// a multipart body, 0 where no files are expected.
func Read(w http.ResponseWriter, r *http.Request, maxFile int64) (*Params, error) {
	p := &Params{values: map[string]any{}}
	if err := p.addQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if r.Body == nil || r.Body == http.NoBody {
		return p, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.ContentLength > 0 && r.Header.Get("Content-Type") != "" {
		return nil, errs.New(errs.MalformedKind, "The Content-Type cannot be read")
	}
	switch {
	case kind == "multipart/form-data":
		return p, p.readMultipart(w, r, params["boundary"], max(maxFile, maxBody))
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return p, p.readJSON(w, r)
	case kind == "application/x-www-form-urlencoded" || kind == "":
		body, err := readAll(w, r, maxBody)
		if err != nil {
			return nil, err
		}
		return p, p.addQuery(string(body))
	}
	return p, nil
}

// Close removes temporary files of an upload.
func (p *Params) Close() {
	if p.form != nil {
		_ = p.form.RemoveAll()
	}
}

func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errs.New(errs.TooLargeKind, "The request is larger than %d bytes", limit)
	}
	if err != nil {
		return nil, errs.New(errs.MalformedKind, "The request ended too early")
	}
	return body, nil
}

func (p *Params) readJSON(w http.ResponseWriter, r *http.Request) error {
	body, err := readAll(w, r, maxBody)
	if err != nil || len(body) == 0 {
		return err
	}
	if !utf8.Valid(body) {
		return errs.New(errs.MalformedKind, "The JSON is not valid UTF-8")
	}
	if depth(body) > maxDepth {
		return errs.New(errs.MalformedKind, "The JSON is nested too deeply")
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return errs.New(errs.MalformedKind, "Error occurred while parsing request parameters")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errs.New(errs.MalformedKind, "Error occurred while parsing request parameters")
	}
	n := 0
	if err := clean(v, &n); err != nil {
		return err
	}
	maps.Copy(p.values, v)
	return nil
}

// clean refuses what the database could not keep, and more than maxParams values.
func clean(v any, n *int) error {
	if *n++; *n > maxParams {
		return errTooMany()
	}
	switch x := v.(type) {
	case string:
		return cleanText(x)
	case []any:
		for _, e := range x {
			if err := clean(e, n); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, e := range x {
			if err := cleanText(k); err != nil {
				return err
			}
			if err := clean(e, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func cleanText(s string) error {
	if !utf8.ValidString(s) {
		return errs.New(errs.MalformedKind, "A parameter is not valid UTF-8")
	}
	if strings.ContainsRune(s, 0) {
		return errs.New(errs.MalformedKind, "A parameter contains a null byte")
	}
	return nil
}

// depth is how deep brackets nest, strings left aside.
func depth(b []byte) int {
	d, most, inString, escaped := 0, 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			d++
			most = max(most, d)
		case c == '}' || c == ']':
			d--
		}
	}
	return most
}

func (p *Params) readMultipart(w http.ResponseWriter, r *http.Request, boundary string, limit int64) error {
	if boundary == "" {
		return errs.New(errs.MalformedKind, "The multipart boundary is missing")
	}
	form, err := multipart.NewReader(http.MaxBytesReader(w, r.Body, limit), boundary).ReadForm(fileMemory)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, multipart.ErrMessageTooLarge) {
		return errs.New(errs.TooLargeKind, "The request is larger than %d bytes", limit)
	}
	if err != nil {
		return errs.New(errs.MalformedKind, "The form cannot be read")
	}
	p.form = form
	return p.addForm(form.Value)
}

// pair is one value of a form, as it was sent.
type pair struct{ key, value string }

// addQuery reads an address's query or a form's body, in order: unnumbered elements (a[][b]) are told apart by it.
func (p *Params) addQuery(text string) error {
	var pairs []pair
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(k)
		value, verr := url.QueryUnescape(v)
		if err != nil || verr != nil {
			return errs.New(errs.MalformedKind, "The form cannot be read")
		}
		if pairs = append(pairs, pair{key, value}); len(pairs) > maxParams {
			return errTooMany()
		}
	}
	return p.add(pairs)
}

// addForm takes a multipart form's values, whose order across names is lost: the first of every name, then the second.
func (p *Params) addForm(form url.Values) error {
	keys := slices.Sorted(maps.Keys(form))
	var pairs []pair
	for i, more := 0, true; more; i++ {
		more = false
		for _, k := range keys {
			if i < len(form[k]) {
				pairs, more = append(pairs, pair{k, form[k][i]}), true
			}
		}
	}
	return p.add(pairs)
}

func errTooMany() error { return errs.New(errs.MalformedKind, "The request has too many parameters") }

func (p *Params) add(pairs []pair) error {
	if len(pairs) > maxParams {
		return errTooMany()
	}
	for _, x := range pairs {
		path, err := splitKey(x.key)
		if err != nil {
			return err
		}
		if err := cleanText(x.value); err != nil {
			return err
		}
		p.values[path[0]] = put(p.values[path[0]], path[1:], x.value)
	}
	return nil
}

// splitKey takes a[b][] apart.
func splitKey(key string) ([]string, error) {
	if err := cleanText(key); err != nil {
		return nil, err
	}
	name, rest, nested := strings.Cut(key, "[")
	path := []string{name}
	for nested {
		var part string
		var ok bool
		if part, rest, ok = strings.Cut(rest, "]"); !ok {
			return []string{key}, nil
		}
		if path = append(path, part); len(path) > maxDepth {
			return nil, errs.New(errs.MalformedKind, "The parameters are nested too deeply")
		}
		if rest == "" {
			break
		}
		rest, nested = strings.CutPrefix(rest, "[")
	}
	return path, nil
}

func put(old any, path []string, v string) any {
	if len(path) == 0 {
		return v
	}
	if path[0] == "" {
		list, _ := old.([]any)
		if len(path) == 1 {
			return append(list, v)
		}
		// a[][b]=1: a key seen again begins the next element.
		if n := len(list); n > 0 {
			if m, ok := list[n-1].(map[string]any); ok && m[path[1]] == nil {
				m[path[1]] = put(nil, path[2:], v)
				return list
			}
		}
		return append(list, map[string]any{path[1]: put(nil, path[2:], v)})
	}
	m, ok := old.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	m[path[0]] = put(m[path[0]], path[1:], v)
	return m
}

// Map gives nested parameters, as source[privacy] is one; empty when there are none.
func (p *Params) Map(key string) *Params {
	m, _ := p.values[key].(map[string]any)
	return &Params{values: m}
}

// Maps gives a list of nested parameters, as a JSON list, a[][b]= or a[0][b]= send it; in order.
func (p *Params) Maps(key string) []*Params {
	var out []*Params
	switch x := p.values[key].(type) {
	case []any:
		for _, e := range x {
			if m, ok := e.(map[string]any); ok {
				out = append(out, &Params{values: m})
			}
		}
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int {
			na, _ := strconv.Atoi(a)
			nb, _ := strconv.Atoi(b)
			return na - nb
		})
		for _, k := range keys {
			if m, ok := x[k].(map[string]any); ok {
				out = append(out, &Params{values: m})
			}
		}
	}
	return out
}

// Has reports whether a parameter was sent, even as null.
func (p *Params) Has(key string) bool {
	_, ok := p.values[key]
	return ok
}

// Value is a parameter as it was sent: a string, bool, json.Number, list, map, or nil.
func (p *Params) Value(key string) any { return p.values[key] }

// Given reports whether a parameter has any value but null and the empty text, of whatever type.
func (p *Params) Given(key string) bool {
	v := p.values[key]
	return v != nil && v != ""
}

// String is a parameter as text; empty when it is absent or null.
func (p *Params) String(key string) string { return scalar(p.values[key]) }

func scalar(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

// Text is a pointer to a parameter's text, nil when it was not sent.
func (p *Params) Text(key string) *string {
	if !p.Has(key) {
		return nil
	}
	s := p.String(key)
	return &s
}

// Bool is a parameter as Rails reads it: false, 0, f and off are false, empty is absent, anything else true.
func (p *Params) Bool(key string, absent bool) bool {
	if b := p.Flag(key); b != nil {
		return *b
	}
	return absent
}

// Flag is Bool, nil when it was not sent.
func (p *Params) Flag(key string) *bool {
	s := p.String(key)
	if s == "" {
		return nil
	}
	b := !slices.Contains([]string{"false", "0", "f", "off", "F", "FALSE", "OFF", "False", "Off"}, s)
	return &b
}

// Int is a whole number; what is not one counts as absent.
func (p *Params) Int(key string, absent int) int {
	n, err := strconv.Atoi(strings.TrimSpace(p.String(key)))
	if err != nil {
		return absent
	}
	return n
}

// ID is an id; what is not one counts as absent, 0.
func (p *Params) ID(key string) int64 {
	id, err := ids.Parse(p.String(key))
	if err != nil {
		return 0
	}
	return id
}

// List is a parameter's values: a JSON list, a[]=, or a single value; values that are not text are left out.
func (p *Params) List(key string) []string {
	switch x := p.values[key].(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, 0, len(x))
		for _, e := range x {
			if s := scalar(e); s != "" {
				out = append(out, s)
			}
		}
		return out
	case map[string]any:
		return nil
	default:
		return []string{scalar(x)}
	}
}

// IDs are List's values that are ids.
func (p *Params) IDs(key string) []int64 {
	var out []int64
	for _, s := range p.List(key) {
		if id, err := ids.Parse(s); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// File is an uploaded file, nil when there is none.
func (p *Params) File(key string) *multipart.FileHeader {
	if p.form == nil || len(p.form.File[key]) == 0 {
		return nil
	}
	return p.form.File[key][0]
}
