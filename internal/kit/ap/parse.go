package ap

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Parse reads a document. It must be one JSON object within the limits, in valid UTF-8, with no name twice in an object: two readers that pick a
// different one of two values is how a signature is made to cover something else. NUL becomes the replacement character, since databases refuse it.
func Parse(body []byte) (*Object, error) {
	if len(body) > MaxDocument {
		return nil, errs.New(errs.TooLargeKind, "The document is too large")
	}
	p := parser{dec: jsontext.NewDecoder(bytes.NewBuffer(body))}
	v, err := p.value(0)
	if err != nil {
		return nil, errs.Wrap(errs.MalformedKind, err, "The document is not acceptable JSON")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errs.New(errs.MalformedKind, "The document is not a JSON object")
	}
	if p.dec.PeekKind() != 0 || p.dec.InputOffset() != int64(len(bytes.TrimRight(body, " \t\r\n"))) {
		return nil, errs.New(errs.MalformedKind, "The document is followed by something else")
	}
	return newObject(m), nil
}

type parser struct {
	dec   *jsontext.Decoder
	nodes int
}

// value reads one value; numbers become int64, or float64 where they are not whole.
func (p *parser) value(depth int) (any, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d values", maxNodes)
	}
	token, err := p.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{', '[':
		if depth >= maxDepth {
			return nil, fmt.Errorf("deeper than %d levels", maxDepth)
		}
		if token.Kind() == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case '"':
		return clean(token.String()), nil
	case '0':
		return number(token.String())
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

func (p *parser) object(depth int) (map[string]any, error) {
	m := map[string]any{}
	for p.dec.PeekKind() != '}' {
		token, err := p.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if m[name], err = p.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := p.dec.ReadToken()
	return m, err
}

func (p *parser) array(depth int) ([]any, error) {
	list := []any{}
	for p.dec.PeekKind() != ']' {
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.dec.ReadToken()
	return list, err
}

func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

func number(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || len(s) > maxNumber || math.IsInf(f, 0) {
		return nil, fmt.Errorf("number %.20s is out of range", s)
	}
	return f, nil
}
