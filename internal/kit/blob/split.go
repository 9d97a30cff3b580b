package blob

import (
	"context"
	"errors"
	"io"
	"strings"
)

// split keeps files in two stores, by how their names begin.
type split struct {
	prefix      string
	under, rest Store
}

// Split makes one store of two: under keeps the files whose names begin with prefix, such as "cache/", and rest the others. What either
// holds under names of the other's is not seen. Closing the stores stays the caller's.
func Split(prefix string, under, rest Store) Store { return &split{prefix, under, rest} }

func (s *split) of(name string) Store {
	if strings.HasPrefix(name, s.prefix) {
		return s.under
	}
	return s.rest
}

// Put keeps a file where it belongs.
func (s *split) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	return s.of(name).Put(ctx, name, body, size)
}

// Open finds a file where it belongs.
func (s *split) Open(ctx context.Context, name string) (*File, error) {
	return s.of(name).Open(ctx, name)
}

// Stat tells of a file from where it belongs.
func (s *split) Stat(ctx context.Context, name string) (Info, error) {
	return s.of(name).Stat(ctx, name)
}

// Delete removes files, those of each store together. It tries both.
func (s *split) Delete(ctx context.Context, names ...string) error {
	var under, rest []string
	for _, name := range names {
		if strings.HasPrefix(name, s.prefix) {
			under = append(under, name)
		} else {
			rest = append(rest, name)
		}
	}
	var failed []error
	if len(under) > 0 {
		failed = append(failed, s.under.Delete(ctx, under...))
	}
	if len(rest) > 0 {
		failed = append(failed, s.rest.Delete(ctx, rest...))
	}
	return errors.Join(failed...)
}

// pastAll comes after every byte of a name.
const pastAll = "~"

// errReached ends a walk where another one goes on.
var errReached = errors.New("reached the names of the other store")

// Walk tells of the files of both. In the order of names those of under stand together, so that it is three walks: before, in and after them.
func (s *split) Walk(ctx context.Context, prefix, after string, each func(Info) error) error {
	if strings.HasPrefix(prefix, s.prefix) {
		return s.under.Walk(ctx, prefix, after, each)
	}
	if !strings.HasPrefix(s.prefix, prefix) {
		return s.rest.Walk(ctx, prefix, after, each)
	}
	end := s.prefix + pastAll
	more := true
	if after < s.prefix {
		more = false
		err := s.rest.Walk(ctx, prefix, after, func(i Info) error {
			if i.Name >= s.prefix {
				return errReached
			}
			return each(i)
		})
		if errors.Is(err, errReached) {
			more, err = true, nil
		}
		if err != nil {
			return err
		}
	}
	if after < end {
		if err := s.under.Walk(ctx, s.prefix, after, each); err != nil {
			return err
		}
	}
	if !more {
		return nil
	}
	return s.rest.Walk(ctx, prefix, max(after, end), each)
}
