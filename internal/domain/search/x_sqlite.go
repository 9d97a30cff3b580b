package search

import "strings"

// sqlite keeps words in a table of FTS5, as a text with spaces. Its tokenizer cuts at ASCII characters that are no letters or digits,
// and words have none of those.
type sqlite struct{}

func (sqlite) value(d document) string { return strings.Join(d.words, " ") }

func (sqlite) put() string {
	return "INSERT OR REPLACE INTO status_texts (rowid, words) VALUES ($1, $2)"
}

func (sqlite) drop() string { return "DELETE FROM status_texts WHERE rowid = $1" }

func (sqlite) match(must, not []phrase) (string, bool) {
	write := func(list []phrase, between string) string {
		parts := make([]string, len(list))
		for i, p := range list {
			parts[i] = `"` + strings.Join(p.words, " ") + `"`
			if p.prefix {
				parts[i] += " *"
			}
		}
		return strings.Join(parts, between)
	}
	q := write(must, " AND ")
	if len(not) > 0 {
		q = "(" + q + ") NOT (" + write(not, " OR ") + ")"
	}
	return q, len(must) > 0
}

func (sqlite) hits() string {
	return "SELECT rowid AS id FROM status_texts WHERE status_texts MATCH $2 AND rowid > $3 AND rowid < $4 ORDER BY rowid DESC LIMIT $5"
}
