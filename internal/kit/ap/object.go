package ap

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// Object is any object, activity, actor or collection as it came in. Its accessors take a string or an object, one or many, as senders please; what
// is of another shape reads as missing.
type Object struct {
	// ID is the id if it is a valid address, else empty.
	ID string
	// Types are the types, mostly one.
	Types []string
	// Raw is everything: strings, bool, int64, float64, nil, []any and map[string]any.
	Raw map[string]any
}

func newObject(m map[string]any) *Object {
	o := &Object{Raw: m}
	if id, ok := m["id"].(string); ok && weburl.Valid(id) {
		o.ID = id
	}
	for _, v := range many(m["type"], maxTypes) {
		if s, ok := v.(string); ok && s != "" && len(s) <= maxShort {
			o.Types = append(o.Types, s)
		}
	}
	return o
}

// link is an object of which only the id is known.
func link(id string) *Object { return &Object{ID: id, Raw: map[string]any{"id": id}} }

// many is a value as a list: nothing, one, or the first n of many.
func many(v any, n int) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v[:min(n, len(v))]
	}
	return []any{v}
}

// idOf is the valid address that a value is or carries.
func idOf(v any) string {
	if m, ok := v.(map[string]any); ok {
		v = m["id"]
	}
	if s, ok := v.(string); ok && weburl.Valid(s) {
		return s
	}
	return ""
}

// Kind is the first of the object's types that is among known, else empty: the one reading of an object with several types.
func (o *Object) Kind(known ...string) string {
	for _, t := range o.Types {
		if slices.Contains(known, t) {
			return t
		}
	}
	return ""
}

// Type is the first type, known or not.
func (o *Object) Type() string {
	if len(o.Types) == 0 {
		return ""
	}
	return o.Types[0]
}

// Is reports whether the object has one of the types.
func (o *Object) Is(types ...string) bool { return o.Kind(types...) != "" }

// IsLink reports whether nothing but an id is known.
func (o *Object) IsLink() bool { return len(o.Raw) == 1 && o.ID != "" }

// Has reports whether the property is there and not null.
func (o *Object) Has(key string) bool { return o.Raw[key] != nil }

// String is a text; of many, the first.
func (o *Object) String(key string) string {
	for _, v := range many(o.Raw[key], maxList) {
		if s, ok := v.(string); ok {
			return s
		}
	}
	return ""
}

// Strings are the texts of one or many; an object counts as its id. They need not be addresses.
func (o *Object) Strings(key string) []string {
	var list []string
	for _, v := range many(o.Raw[key], maxList) {
		if m, ok := v.(map[string]any); ok {
			v = m["id"]
		}
		if s, ok := v.(string); ok && s != "" {
			list = append(list, s)
		}
	}
	return list
}

// IDs are the valid addresses of one or many, objects counting as their id, without repetitions.
func (o *Object) IDs(key string) []string {
	var list []string
	seen := map[string]bool{}
	for _, v := range many(o.Raw[key], maxList) {
		if id := idOf(v); id != "" && !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}

// IDOf is the address of a property, be it a link or an object; of many, the first.
func (o *Object) IDOf(key string) string {
	if list := many(o.Raw[key], 1); len(list) == 1 {
		return idOf(list[0])
	}
	return ""
}

// Object is an embedded object; of many, the first. It is nil if there is none or only a link.
func (o *Object) Object(key string) *Object {
	if list := many(o.Raw[key], 1); len(list) == 1 {
		if m, ok := list[0].(map[string]any); ok {
			return newObject(m)
		}
	}
	return nil
}

// Objects are the embedded objects; links are left out.
func (o *Object) Objects(key string) []*Object {
	var list []*Object
	for _, v := range many(o.Raw[key], maxList) {
		if m, ok := v.(map[string]any); ok {
			list = append(list, newObject(m))
		}
	}
	return list
}

// Items are the members of a collection or page, in order; one that is only linked has only an ID.
func (o *Object) Items() []*Object {
	var list []*Object
	for _, key := range []string{"orderedItems", "items"} {
		for _, v := range many(o.Raw[key], maxList-len(list)) {
			if m, ok := v.(map[string]any); ok {
				list = append(list, newObject(m))
			} else if id := idOf(v); id != "" {
				list = append(list, link(id))
			}
		}
	}
	return list
}

// Bool is true only for true.
func (o *Object) Bool(key string) bool {
	b, ok := o.Raw[key].(bool)
	return ok && b
}

// boolOr is Bool for flags that are set unless they say otherwise.
func (o *Object) boolOr(key string, absent bool) bool {
	if b, ok := o.Raw[key].(bool); ok {
		return b
	}
	return absent
}

// Int is a whole number.
func (o *Object) Int(key string) (int64, bool) {
	n, ok := o.Raw[key].(int64)
	return n, ok
}

// Count is a total that another server claims: 0 to maxCount.
func (o *Object) Count(key string) (int64, bool) {
	n, ok := o.Int(key)
	if !ok || n < 0 {
		return 0, false
	}
	return min(n, maxCount), true
}

// Time is a moment between 1970 and 2999, in UTC. Whether it may lie in the future is for the caller, who knows the time.
func (o *Object) Time(key string) (time.Time, bool) {
	s, ok := o.Raw[key].(string)
	if !ok || len(s) > 40 {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t = t.UTC()
		return t, t.Year() >= 1970 && t.Year() < 3000
	}
	return time.Time{}, false
}

// Map is a text by language (contentMap, nameMap, summaryMap).
func (o *Object) Map(key string) map[string]string {
	m, ok := o.Raw[key].(map[string]any)
	if !ok {
		return nil
	}
	texts := map[string]string{}
	for language, v := range m {
		if s, ok := v.(string); ok && len(texts) < maxLanguages {
			texts[language] = s
		}
	}
	return texts
}

// text is key, or else one of keyMap, and its language where it is known. With several languages the one whose text is key's is taken.
func (o *Object) text(key string) (text, language string) {
	text = o.String(key)
	texts := o.Map(key + "Map")
	for _, l := range slices.Sorted(maps.Keys(texts)) {
		if text == "" {
			text = texts[l]
		}
		if texts[l] == text && validLanguage(l) {
			return text, l
		}
	}
	return text, ""
}

func validLanguage(s string) bool {
	if s == "" || len(s) > maxLanguage || s == "und" {
		return false
	}
	for i, part := range strings.Split(s, "-") {
		if part == "" || len(part) > 8 || i == 0 && len(part) < 2 {
			return false
		}
		if strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

// URL is the valid address in url, which may be a text, a Link or many of them. Among many, the first of the first preferred media type that is
// there wins, else the first of all.
func (o *Object) URL(preferredMedia ...string) string { return o.href("url", preferredMedia...) }

func (o *Object) href(key string, preferredMedia ...string) string {
	type candidate struct{ media, address string }
	var found []candidate
	for _, v := range many(o.Raw[key], maxList) {
		c := candidate{}
		switch v := v.(type) {
		case string:
			c.address = v
		case map[string]any:
			c.address, _ = v["href"].(string)
			if c.address == "" {
				c.address, _ = v["url"].(string)
			}
			c.media, _ = v["mediaType"].(string)
		}
		if weburl.Valid(c.address) {
			found = append(found, c)
		}
	}
	for _, media := range preferredMedia {
		for _, c := range found {
			if strings.EqualFold(c.media, media) {
				return c.address
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[0].address
}

// own is IDOf if the address is of the same origin as the object: what a server says about its own things.
func (o *Object) own(key string) string {
	if id := o.IDOf(key); SameHost(id, o.ID) {
		return id
	}
	return ""
}

// displayURL is a link for people. One to another host is a disguise, so it falls back to the id.
func (o *Object) displayURL() string {
	if u := o.URL("text/html"); SameHost(u, o.ID) {
		return u
	}
	return o.ID
}
