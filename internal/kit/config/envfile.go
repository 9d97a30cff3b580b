package config

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Setting is a setting as the docs and `gomph config` show it.
type Setting struct {
	Flag, Group, Help, Default string
	Env                        []string
	Secret                     bool
	// Index finds the field, as reflect's FieldByIndex does.
	Index []int
}

// Settings lists every setting, in its order.
func Settings() []Setting {
	fields := reflect.VisibleFields(reflect.TypeFor[Config]())
	out := make([]Setting, 0, len(fields))
	for _, field := range fields {
		if field.Anonymous {
			continue // its fields follow
		}
		tag := field.Tag
		_, secret := tag.Lookup("secret")
		out = append(out, Setting{Flag: tag.Get("name"), Group: tag.Get("group"), Help: tag.Get("help"), Default: tag.Get("default"), Env: strings.Split(tag.Get("env"), ","), Secret: secret, Index: field.Index})
	}
	return out
}

// Value is a setting's value in c; secrets are masked, and so are passwords in addresses.
func (s Setting) Value(c *Config) string {
	v := fmt.Sprint(reflect.ValueOf(*c).FieldByIndex(s.Index).Interface())
	if list, ok := reflect.ValueOf(*c).FieldByIndex(s.Index).Interface().([]string); ok {
		v = strings.Join(list, ",")
	}
	if s.Secret && v != "" {
		return mask(v)
	}
	return v
}

// mask hides a secret; of an address it shows all but the credentials and parameters.
func mask(v string) string {
	scheme, rest, ok := strings.Cut(v, "://")
	if !ok {
		return "********"
	}
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = "********@" + rest[i+1:]
	}
	return scheme + "://" + rest
}

// elsewhere are Mastodon's names that have no meaning here, with the reason where there is something to say.
var elsewhere = map[string]string{
	"SIDEKIQ_REDIS_URL":        "jobs live in the database",
	"SIDEKIQ_REDIS_HOST":       "jobs live in the database",
	"WEB_CONCURRENCY":          "one process uses all cores",
	"MAX_THREADS":              "requests need no threads",
	"SIDEKIQ_CONCURRENCY":      "use gomph worker --slots",
	"STREAMING_CLUSTER_NUM":    "one process uses all cores",
	"RAILS_ENV":                "",
	"NODE_ENV":                 "",
	"RAILS_SERVE_STATIC_FILES": "files are inside the program",
	"PAPERCLIP_ROOT_PATH":      "files are in GOMPH_DATA/system",
	"S3_BATCH_DELETE_RETRY":    "use S3_RETRY_LIMIT",
	"S3_BATCH_DELETE_LIMIT":    "files are deleted a thousand at a time, or one by one where that is refused",
	"S3_ENABLE_CHECKSUM_MODE":  "requests are signed with a checksum of their own",
}

// maxLine bounds a line of a settings file, in bytes; keys in PEM fit many times.
const maxLine = 1 << 20

// ReadFile reads a file of NAME=value lines, as Mastodon's .env.production is one.
func ReadFile(path string) (map[string]string, error) {
	f, err := os.Open(path) //nolint:gosec // the admin names the file
	if err != nil {
		return nil, fmt.Errorf("reading the settings file: %w", err)
	}
	defer func() { _ = f.Close() }()
	out := map[string]string{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLine)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimPrefix(sc.Text(), "\ufeff") // some editors begin a file with it
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("%s:%d: expected NAME=value", path, n)
		}
		out[strings.TrimSpace(name)] = unquote(strings.TrimSpace(value))
	}
	return out, sc.Err()
}

var quoted = regexp.MustCompile(`^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?$`)

var escapes = strings.NewReplacer(`\n`, "\n", `\"`, `"`, `\\`, `\`, `\$`, `$`)

// unquote takes quotes off, with the escapes that double ones have, and a comment behind.
func unquote(v string) string {
	if m := quoted.FindStringSubmatch(v); m != nil {
		return escapes.Replace(m[1]) + m[2]
	}
	if before, _, ok := strings.Cut(v, " #"); ok {
		return strings.TrimSpace(before)
	}
	return v
}

// plain values need no quotes.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=?&~-]*$`)

var escaped = strings.NewReplacer("\n", `\n`, `"`, `\"`, `\`, `\\`, `$`, `\$`)

// Line is a setting as ReadFile and shells read it.
func Line(name, value string) string {
	if plain.MatchString(value) {
		return name + "=" + value
	}
	return name + `="` + escaped.Replace(value) + `"`
}

// Unknown lists the names of a settings file that mean nothing here, each with what there is to say about it.
func Unknown(file map[string]string) []string {
	known := map[string]bool{}
	for _, s := range Settings() {
		for _, e := range s.Env {
			known[e] = true
		}
	}
	var out []string
	for name := range file {
		if known[name] {
			continue
		}
		if why := elsewhere[name]; why != "" {
			name += " (" + why + ")"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
