package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// uploadsAtOnce of uploadSize bytes each come at the same time.
	uploadsAtOnce = 100
	uploadSize    = 40_000_000
	// uploadsGoal is how much memory they may take above that of an idle server, in MiB (the issue that these measurements answer to).
	uploadsGoal = 64
	// sampleEvery is how often the memory is looked at.
	sampleEvery = 100 * time.Millisecond
	// settle is how long a warm server is left alone before its idle memory is read.
	settle = 5 * time.Second
)

// uploads measures the memory of the server's process while many films arrive at once; what works on them are processes of their own.
func (b *bench) uploads(ctx context.Context) error {
	if b.engine != "sqlite" { // which has no part in it
		return nil
	}
	film := filepath.Join(b.dir, "film.mp4")
	if err := ffmpeg(ctx, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p", film); err != nil {
		return err
	}
	if err := pad(film, uploadSize); err != nil {
		return err
	}
	if err := b.running(ctx); err != nil {
		return err
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: uploadsAtOnce}}
	defer c.CloseIdleConnections()
	if err := b.warmUp(ctx, c, film); err != nil {
		return err
	}
	idle, err := b.s.rss()
	if err != nil {
		return err
	}
	n := b.times(uploadsAtOnce)
	b.s.profile(true)
	defer b.s.profile(false)
	var arrived, done time.Duration
	most, err := b.s.mostMemory(func() error {
		began := time.Now()
		if err := b.uploadMany(ctx, c, film, n); err != nil {
			return err
		}
		arrived = time.Since(began)
		if err := b.drained(ctx); err != nil {
			return err
		}
		done = time.Since(began)
		return nil
	})
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("memory for %d uploads of 40 MB at once, above that of an idle server", n), most-idle, "MiB", uploadsGoal,
		"RSS, idle %s MiB, at most %s MiB until all are worked on; all taken in after %s s, all shown after %s s", figure(idle), figure(most), figure(arrived.Seconds()), figure(done.Seconds()))
	return nil
}

// warmUp has the server do once what it will do often, and waits until that is done.
func (b *bench) warmUp(ctx context.Context, c *http.Client, film string) error {
	if _, err := b.s.upload(ctx, c, b.author.Token, film); err != nil {
		return err
	}
	if _, err := b.s.get(ctx, 200, 4, "/api/v1/timelines/home?limit=20", b.reader.Token); err != nil {
		return err
	}
	if err := b.drained(ctx); err != nil {
		return err
	}
	return pause(ctx, settle)
}

func (b *bench) uploadMany(ctx context.Context, c *http.Client, film string, n int) error {
	failed := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { _, failed[i] = b.s.upload(ctx, c, b.author.Token, film) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// mostMemory is the largest resident set of the server's process, in MiB, that is seen while something is done.
func (s *server) mostMemory(do func() error) (most float64, err error) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			if now, err := s.rss(); err == nil {
				most = max(most, now)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	err = do()
	close(stop)
	<-stopped
	return most, err
}

// upload sends a file as apps do, and gives the id of what came of it.
func (s *server) upload(ctx context.Context, c *http.Client, token, file string) (id string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if _, err := w.CreateFormFile("file", filepath.Base(file)); err != nil {
		return "", err
	}
	head := bytes.Clone(form.Bytes())
	if err := w.Close(); err != nil {
		return "", err
	}
	tail := form.Bytes()[len(head):]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v2/media", io.MultiReader(bytes.NewReader(head), f, bytes.NewReader(tail)))
	if err != nil {
		return "", err
	}
	req.ContentLength = int64(len(head)) + info.Size() + int64(len(tail))
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+token)
	text, err := answer(c, req)
	if err != nil {
		return "", fmt.Errorf("uploading: %w", err)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(text, &made); err != nil {
		return "", fmt.Errorf("uploading: %w", err)
	}
	return made.ID, nil
}

// pad makes an MP4 file a size, by a part at its end that players pass over.
func pad(file string, size int64) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	left := size - info.Size()
	if left < 8 {
		return fmt.Errorf("%s has %d bytes already", file, info.Size())
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(left)) //nolint:gosec // 40 MB
	if _, err := f.Write(append(head, "free"...)); err != nil {
		return err
	}
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{2}), left-8); err != nil {
		return err
	}
	return f.Close()
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
