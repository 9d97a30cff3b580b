package blobtest

import (
	"context"
	"io"

	"github.com/gomph/gomph/internal/kit/blob"
)

// What a Faulty store is asked for.
const (
	Put    = "put"
	Open   = "open"
	Read   = "read"
	Stat   = "stat"
	Delete = "delete"
	Walk   = "walk"
)

// Faulty is a store that fails by plan, or is watched.
type Faulty struct {
	blob.Store
	// Before is asked before everything, of a Delete once for each name and of a Walk with its prefix; its error is returned instead. It
	// may wait. Read is asked before every read of an open file. nil lets all pass.
	Before func(ctx context.Context, op, name string) error
	// After is asked when something succeeded; its error is returned all the same, as when an answer is lost. nil lets all pass.
	After func(ctx context.Context, op, name string) error
}

func (f *Faulty) do(ctx context.Context, op, name string, do func() error) error {
	if f.Before != nil {
		if err := f.Before(ctx, op, name); err != nil {
			return err
		}
	}
	err := do()
	if err == nil && f.After != nil {
		return f.After(ctx, op, name)
	}
	return err
}

// Put keeps a file.
func (f *Faulty) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	return f.do(ctx, Put, name, func() error { return f.Store.Put(ctx, name, body, size) })
}

// Open finds a file.
func (f *Faulty) Open(ctx context.Context, name string) (file *blob.File, err error) {
	err = f.do(ctx, Open, name, func() error {
		if file, err = f.Store.Open(ctx, name); err == nil {
			file.ReadSeekCloser = &faultyFile{ReadSeekCloser: file.ReadSeekCloser, before: func() error {
				return f.do(ctx, Read, name, func() error { return nil })
			}}
		}
		return err
	})
	if err != nil && file != nil {
		_ = file.Close()
		file = nil
	}
	return file, err
}

// Stat tells of a file.
func (f *Faulty) Stat(ctx context.Context, name string) (info blob.Info, err error) {
	err = f.do(ctx, Stat, name, func() error {
		info, err = f.Store.Stat(ctx, name)
		return err
	})
	return info, err
}

// Delete removes files.
func (f *Faulty) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := f.do(ctx, Delete, name, func() error { return f.Store.Delete(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// Walk tells of files.
func (f *Faulty) Walk(ctx context.Context, prefix, after string, each func(blob.Info) error) error {
	return f.do(ctx, Walk, prefix, func() error { return f.Store.Walk(ctx, prefix, after, each) })
}

type faultyFile struct {
	io.ReadSeekCloser
	before func() error
}

// Read reads on.
func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.before(); err != nil {
		return 0, err
	}
	return f.ReadSeekCloser.Read(p)
}
