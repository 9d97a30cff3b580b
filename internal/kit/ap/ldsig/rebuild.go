package ldsig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/piprate/json-gold/ld"
)

// rebuild writes the statements as a document again, in the terms that this server reads: the root with everything below it.
// Nothing that the signature does not cover survives, however the document that came was written (LDS-01).
func rebuild(data *ld.RDFDataset, root string) ([]byte, error) {
	for _, q := range data.Graphs["@default"] {
		if q.Object.GetValue() == root && !ld.IsLiteral(q.Object) {
			return nil, fmt.Errorf("%w: the document is part of itself", ErrRefused)
		}
	}
	nodes, err := ld.NewJsonLdApi().FromRDF(data, options())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	b := builder{nodes: map[string]map[string]any{}}
	for _, n := range nodes {
		if m, ok := n.(map[string]any); ok {
			id, _ := m["@id"].(string)
			b.nodes[id] = m
		}
	}
	if b.nodes[root] == nil {
		return nil, fmt.Errorf("%w: it is about nothing", ErrRefused)
	}
	tree, err := b.embed(root, nil)
	if err != nil {
		return nil, err
	}
	terms, err := readingContext()
	if err != nil {
		return nil, err
	}
	compact, err := ld.NewJsonLdProcessor().Compact([]any{tree}, map[string]any{"@context": terms}, options())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return json.Marshal(compact)
}

// readingContext holds the terms of everything that this server says, which is what it reads.
func readingContext() (any, error) {
	body, err := jsonOf(ap.Context(ap.Features...))
	if err != nil {
		return nil, err
	}
	var terms any
	err = json.Unmarshal(body, &terms)
	return terms, err
}

func jsonOf(c ap.LDContext) ([]byte, error) {
	var b strings.Builder
	e := jsontext.NewEncoder(&b)
	err := c.MarshalJSONTo(e)
	return []byte(b.String()), err
}

// countType is how ActivityStreams types sizes and totals.
const countType = "http://www.w3.org/2001/XMLSchema#nonNegativeInteger"

// builder puts nodes below those that name them.
type builder struct {
	nodes  map[string]map[string]any
	copies int
}

func (b *builder) embed(id string, path []string) (map[string]any, error) {
	if b.copies++; b.copies > maxValues || len(path) > maxDepth {
		return nil, fmt.Errorf("%w: too many values", ErrRefused)
	}
	path = append(slices.Clone(path), id)
	out := map[string]any{}
	for name, v := range b.nodes[id] {
		if name == "@id" && strings.HasPrefix(id, "_:") {
			continue
		}
		if name == "@type" {
			types, _ := v.([]any)
			out[name] = slices.DeleteFunc(slices.Clone(types), func(t any) bool { s, _ := t.(string); return strings.HasPrefix(s, "_:") })
			continue
		}
		var err error
		if out[name], err = b.value(v, path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *builder) value(v any, path []string) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = b.value(item, path); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if text, ok := v["@value"].(string); ok && v["@type"] == countType {
			if n, err := strconv.ParseUint(text, 10, 32); err == nil { // read as a number, as it was written
				return map[string]any{"@value": float64(n), "@type": countType}, nil
			}
		}
		if list, ok := v["@list"]; ok {
			items, err := b.value(list, path)
			return map[string]any{"@list": items}, err
		}
		if id, ok := v["@id"].(string); ok && len(b.nodes[id]) > 1 && !slices.Contains(path, id) {
			return b.embed(id, path)
		}
	}
	return v, nil
}
