package ldsig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// The bounds on a document before anything costly is done. Real activities stay under 50 KiB and 200 values, and nest six deep.
const (
	maxDocument = 256 << 10
	maxValues   = 4000
	maxDepth    = 16
	// maxStatements bounds what a document says once it is expanded; maxAmbiguous is how many nodes without a name may be alike.
	maxStatements = 4000
	maxAmbiguous  = 64
)

// contextWords are the words of JSON-LD that a context of a document's own may use. What is missing can turn the statements
// around (@reverse), put them elsewhere (@graph, @nest, @included), or change what a name means by where it stands (@context).
var contextWords = []string{"@id", "@type", "@container", "@list", "@set", "@language", "@vocab", "@version", "@none"}

// checkDocument refuses what is too large, and every way to write a document from the inside out (LDS-01, LDS-02).
func checkDocument(doc map[string]any) error {
	values := 0
	return check(doc, 0, false, &values)
}

func check(v any, depth int, context bool, values *int) error {
	if *values++; *values > maxValues || depth > maxDepth {
		return fmt.Errorf("%w: too many values", ErrRefused)
	}
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "_:") || context && strings.HasPrefix(v, "@") && !slices.Contains(contextWords, v) {
			return fmt.Errorf("%w: %.20q", ErrRefused, v)
		}
	case []any:
		for _, item := range v {
			if err := check(item, depth+1, context, values); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range v {
			begins := !context && name == "@context"
			if strings.HasPrefix(name, "_:") || strings.HasPrefix(name, "@") && !begins && !(context && slices.Contains(contextWords, name)) {
				return fmt.Errorf("%w: %.20q", ErrRefused, name)
			}
			if err := check(item, depth+1, context || begins, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// statements is what a document says, and the node that it is about.
func statements(doc map[string]any) (*ld.RDFDataset, string, error) {
	expanded, err := ld.NewJsonLdProcessor().Expand(doc, options())
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if len(expanded) != 1 {
		return nil, "", fmt.Errorf("%w: not one node", ErrRefused)
	}
	top, _ := expanded[0].(map[string]any)
	root, _ := top["@id"].(string)
	if hasWord(top) {
		return nil, "", fmt.Errorf("%w: turned around", ErrRefused)
	}
	made, err := ld.NewJsonLdProcessor().ToRDF(expanded, options())
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	data, ok := made.(*ld.RDFDataset)
	if !ok || len(data.Graphs) != 1 {
		return nil, "", fmt.Errorf("%w: not one graph", ErrRefused)
	}
	return data, root, checkSymmetry(data.Graphs["@default"])
}

// hasWord reports whether an expanded document is more than a tree of nodes.
func hasWord(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, hasWord)
	case map[string]any:
		for name, item := range v {
			if slices.Contains([]string{"@graph", "@reverse", "@included", "@nest", "@json"}, name) || hasWord(item) {
				return true
			}
		}
	}
	return false
}

// checkSymmetry refuses graphs whose canonical form takes more than a few passes (LDS-05). Only nodes without a name that look
// alike are ever permuted, and only where one of them has several of them as neighbours in the same way; nothing that people
// write has any of that.
func checkSymmetry(quads []*ld.Quad) error {
	if len(quads) > maxStatements {
		return fmt.Errorf("%w: too many statements", ErrRefused)
	}
	looks := map[string][]string{}
	for _, q := range quads {
		for _, end := range []ld.Node{q.Subject, q.Object} {
			if ld.IsBlankNode(end) {
				id := end.GetValue()
				looks[id] = append(looks[id], look(q, id))
			}
		}
	}
	alike := map[string]int{}
	for id, lines := range looks {
		slices.Sort(lines)
		looks[id] = []string{strings.Join(lines, "\n")}
		alike[looks[id][0]]++
	}
	ambiguous := func(n ld.Node) bool { return ld.IsBlankNode(n) && alike[looks[n.GetValue()][0]] > 1 }
	count := 0
	for id := range looks {
		if alike[looks[id][0]] > 1 {
			count++
		}
	}
	neighbours := map[string]int{}
	for _, q := range quads {
		if !ambiguous(q.Subject) || !ambiguous(q.Object) {
			continue
		}
		for _, side := range []string{"s " + q.Subject.GetValue(), "o " + q.Object.GetValue()} {
			side += " " + q.Predicate.GetValue()
			if neighbours[side]++; neighbours[side] > 1 {
				return fmt.Errorf("%w: too symmetric", ErrRefused)
			}
		}
	}
	if count > maxAmbiguous {
		return fmt.Errorf("%w: too many nodes that are alike", ErrRefused)
	}
	return nil
}

// look is a statement as seen from one of its nodes, with the names of nodes that have none left out.
func look(q *ld.Quad, id string) string {
	name := func(n ld.Node) string {
		switch {
		case !ld.IsBlankNode(n):
			if l, ok := n.(ld.Literal); ok {
				return "l " + l.Datatype + " " + l.Language + " " + l.Value
			}
			return "i " + n.GetValue()
		case n.GetValue() == id:
			return "a"
		}
		return "z"
	}
	return name(q.Subject) + "\x00" + q.Predicate.GetValue() + "\x00" + name(q.Object)
}
