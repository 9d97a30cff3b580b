package search

import (
	"strconv"
	"strings"
)

// postgres keeps words as a tsvector, written out with positions: none of its configurations has a word in it.
type postgres struct{}

// maxPosition and maxPositions are the limits of a tsvector: the highest position, and how many one word may have.
const maxPosition, maxPositions = 16383, 256

func (postgres) value(d document) string {
	at := map[string][]int{}
	var order []string
	for i, w := range d.words {
		if at[w] == nil {
			order = append(order, w)
		}
		if i < maxPosition && len(at[w]) < maxPositions {
			at[w] = append(at[w], i+1)
		}
	}
	var b strings.Builder
	for _, w := range order {
		b.WriteString(quoteWord(w))
		for i, n := range at[w] {
			b.WriteByte(":,"[min(i, 1)])
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// quoteWord makes a text a word of a tsvector or a tsquery, whatever is in it.
func quoteWord(w string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(w) + "'"
}

func (postgres) put() string {
	return `INSERT INTO status_texts (status_id, words) SELECT s.id, CAST(CAST($2 AS TEXT) AS TSVECTOR) FROM statuses s WHERE s.id = $1
ON CONFLICT (status_id) DO UPDATE SET words = excluded.words`
}

func (postgres) drop() string { return "DELETE FROM status_texts WHERE status_id = $1" }

func (postgres) match(must, not []phrase) (string, bool) {
	var parts []string
	write := func(list []phrase, before string) {
		for _, p := range list {
			words := make([]string, len(p.words))
			for i, w := range p.words {
				words[i] = quoteWord(w)
			}
			if p.prefix {
				words[len(words)-1] += ":*"
			}
			parts = append(parts, before+"("+strings.Join(words, " <-> ")+")")
		}
	}
	write(must, "")
	write(not, "!")
	return strings.Join(parts, " & "), len(must) > 0
}

func (postgres) hits() string {
	return `SELECT t.status_id AS id FROM status_texts t WHERE t.words @@ CAST(CAST($2 AS TEXT) AS TSQUERY) AND t.status_id > $3 AND t.status_id < $4
ORDER BY t.status_id DESC LIMIT $5`
}
