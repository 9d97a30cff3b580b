package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// hostileReaders read for hostileTime without and with hostile films being worked on, hostileTurns times in turn.
	hostileReaders = 10
	hostileTurns   = 3
	hostileTime    = 30 * time.Second
	// readerPause is how long a reader who is no program waits between two pages.
	readerPause = 50 * time.Millisecond
	// hostileFilms wait at a time: more than are worked on at once on two cores, each takes minutes.
	hostileFilms = 4
	// hostileGoal is how many times slower the slowest twentieth of the answers may be (the issue that these measurements answer to).
	hostileGoal = 1.2
	// noiseFrames of a film are different ones; the rest repeats them.
	noiseFrames = 8
)

// hostile measures what readers notice of the most expensive films that are allowed: 3840×2160, 60 frames a second, 20 seconds of noise.
func (b *bench) hostile(ctx context.Context) error {
	if b.engine != "sqlite" { // which has no part in it
		return nil
	}
	film, err := b.hostileFilm(ctx)
	if err != nil {
		return err
	}
	mixes := []struct {
		what  string
		pause time.Duration
	}{{"ten readers with pauses of 50 ms", readerPause}, {"ten readers without pauses", 0}}
	took := make([][2][]time.Duration, len(mixes)) // p95 without and with films
	for range hostileTurns {
		for with := range 2 {
			films, err := b.hostileBegin(ctx, film, with*hostileFilms)
			if err != nil {
				return err
			}
			for i, m := range mixes {
				p95, err := b.readFor(ctx, b.shorter(hostileTime), m.pause)
				if err != nil {
					return err
				}
				took[i][with] = append(took[i][with], p95)
			}
			if err := b.hostileEnd(ctx, films); err != nil {
				return err
			}
		}
	}
	for i, m := range mixes {
		without, with := median(took[i][0]), median(took[i][1])
		b.report.add("p95 of "+m.what+" while hostile films are worked on, against without", float64(with)/float64(without), "times", hostileGoal,
			"%s ms with and %s ms without, medians of %d; with %s to %s, without %s to %s", figure(ms(with)), figure(ms(without)), hostileTurns,
			figure(ms(slices.Min(took[i][1]))), figure(ms(slices.Max(took[i][1]))), figure(ms(slices.Min(took[i][0]))), figure(ms(slices.Max(took[i][0]))))
	}
	return nil
}

// shorter is a time, or a tenth of it in a quick run.
func (b *bench) shorter(d time.Duration) time.Duration { return time.Duration(b.times(int(d))) }

// hostileFilm makes the film. Its colours are not kept at half the resolution, so that it cannot be passed on as it is.
func (b *bench) hostileFilm(ctx context.Context) (string, error) {
	raw, short, film := filepath.Join(b.dir, "noise.yuv"), filepath.Join(b.dir, "short.mp4"), filepath.Join(b.dir, "hostile.mp4")
	noise := make([]byte, 3840*2160*2*noiseFrames)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(noise) // never fails
	for i, v := range noise {
		noise[i] = 112 + v/8 // what is louder does not fit into the size that is allowed
	}
	if err := os.WriteFile(raw, noise, 0o600); err != nil {
		return "", fmt.Errorf("making a film: %w", err)
	}
	defer func() { _ = os.Remove(raw) }()
	err := ffmpeg(ctx, "-stream_loop", "14", "-f", "rawvideo", "-pix_fmt", "yuv422p", "-s", "3840x2160", "-r", "60", "-i", raw, "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "30M", "-maxrate", "34M", "-bufsize", "10M", short)
	if err == nil {
		err = ffmpeg(ctx, "-stream_loop", "9", "-i", short, "-c", "copy", film)
	}
	return film, err
}

// hostileBegin starts the server and lets it begin with n films; it gives their ids.
func (b *bench) hostileBegin(ctx context.Context, film string, n int) (ids []string, err error) {
	if err := b.running(ctx); err != nil {
		return nil, err
	}
	if _, err := b.readFor(ctx, 2*time.Second, 0); err != nil { // warm
		return nil, err
	}
	for range n {
		id, err := b.s.upload(ctx, client(), b.author.Token, film)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, b.hostileGoing(ctx, n)
}

// hostileGoing fails unless a film is worked on, when there are some.
func (b *bench) hostileGoing(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	going, err := db.Value[int64](ctx, b.db, "SELECT COUNT(*) FROM media_attachments WHERE processing = 'in_progress'")
	if err == nil && going == 0 {
		err = fmt.Errorf("no film is worked on, so nothing was measured: %s", b.s.tail())
	}
	return err
}

// hostileEnd checks that films were worked on to the end of what was measured, withdraws them, and stops the server with all that works on them.
func (b *bench) hostileEnd(ctx context.Context, films []string) error {
	if err := b.hostileGoing(ctx, len(films)); err != nil {
		return err
	}
	for _, id := range films {
		if _, err := ask(ctx, client(), http.MethodDelete, b.s.url+"/api/v1/media/"+id, b.author.Token, nil); err != nil {
			return err
		}
	}
	return b.s.stop()
}

// readFor lets readers ask for their home timeline and the public one in turn, and gives the time within which 95 of 100 have their answer.
func (b *bench) readFor(ctx context.Context, long, between time.Duration) (time.Duration, error) {
	c := client()
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, hostileReaders)
	end := time.Now().Add(long)
	var all sync.WaitGroup
	for i := range took {
		all.Go(func() {
			for n := i; time.Now().Before(end) && ctx.Err() == nil; n++ {
				path := []string{"/api/v1/timelines/home?limit=20", "/api/v1/timelines/public?limit=20"}[n%2]
				at := time.Now()
				if _, err := ask(ctx, c, http.MethodGet, b.s.url+path, b.reader.Token, nil); err != nil {
					cancel(err)
					return
				}
				took[i] = append(took[i], time.Since(at))
				time.Sleep(between)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
	return sorted[len(sorted)*95/100], nil
}
