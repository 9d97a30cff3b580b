package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomph/gomph/internal/kit/picture"
)

const (
	// pictureRuns is how often each picture is made, by Gomph and by others in turn.
	pictureRuns = 10
	// pictureGoal is how many times the CPU of vipsthumbnail a photo may take (the issue that these measurements answer to).
	pictureGoal = 1.0
	// shownPixels and smallPixels are how large uploads are kept, as internal/domain/media has them.
	shownPixels, smallPixels = 8_294_400, 230_400
	// The size of the photo, 12 megapixels, and of the screenshot.
	photoWidth, photoHeight   = 4000, 3000
	screenWidth, screenHeight = 2560, 1440
)

// specimen is a picture that is measured with.
type specimen struct {
	what, file    string
	width, height int
	goal          float64
}

// pictures measures the CPU time of what an uploaded picture needs, in processes of its own as the server has them, against Debian's vipsthumbnail.
func (b *bench) pictures(ctx context.Context) error {
	if b.engine != "sqlite" { // which has no part in it
		return nil
	}
	vips, err := exec.LookPath("vipsthumbnail")
	if err != nil {
		fmt.Fprintln(os.Stderr, "there is no vipsthumbnail to compare with: apt-get install libvips-tools")
	}
	list, err := b.specimens(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := b.pictureAgainst(ctx, s, vips); err != nil {
			return err
		}
	}
	return nil
}

// specimens makes the pictures; the WebP only where there is a program that writes one.
func (b *bench) specimens(ctx context.Context) ([]specimen, error) {
	at := func(name string) string { return filepath.Join(b.dir, name) }
	var photo, screen bytes.Buffer
	if err := jpeg.Encode(&photo, photoLike(photoWidth, photoHeight), &jpeg.Options{Quality: 90}); err != nil {
		return nil, fmt.Errorf("making a photo: %w", err)
	}
	if err := png.Encode(&screen, screenLike(screenWidth, screenHeight)); err != nil {
		return nil, fmt.Errorf("making a screenshot: %w", err)
	}
	err := errors.Join(os.WriteFile(at("photo.jpg"), photo.Bytes(), 0o600), os.WriteFile(at("screen.png"), screen.Bytes(), 0o600))
	if err != nil {
		return nil, fmt.Errorf("making pictures: %w", err)
	}
	list := []specimen{
		{fmt.Sprintf("a photo of 12 megapixels, JPEG of %s MB", figure(float64(photo.Len())/1e6)), at("photo.jpg"), photoWidth, photoHeight, pictureGoal},
		{fmt.Sprintf("a screenshot of 3.7 megapixels, PNG of %s MB", figure(float64(screen.Len())/1e6)), at("screen.png"), screenWidth, screenHeight, 0},
	}
	if ffmpeg(ctx, "-i", at("photo.jpg"), "-c:v", "libwebp", "-quality", "85", at("photo.webp")) == nil {
		list = append(list, specimen{"the same photo as WebP", at("photo.webp"), photoWidth, photoHeight, 0})
	}
	return list, nil
}

// pictureAgainst makes a picture in both sizes, in turn by us and by vipsthumbnail; vips may be empty.
func (b *bench) pictureAgainst(ctx context.Context, s specimen, vips string) error {
	var ours, theirs []time.Duration
	for range b.times(pictureRuns) {
		took, err := childrenCPU(func() error { return b.uploadOf(ctx, s) })
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if vips == "" {
			continue
		}
		if took, err = childrenCPU(func() error { return b.vipsRun(ctx, vips, s) }); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	what := s.what + ", original and thumbnail"
	b.report.add(what, ms(median(ours)), "ms CPU", 0, "median of %d, %s to %s; user and system, processes and their start included", len(ours), figure(ms(slices.Min(ours))), figure(ms(slices.Max(ours))))
	if vips != "" {
		b.report.add(what+", against vipsthumbnail", float64(median(ours))/float64(median(theirs)), "times", s.goal, "which takes %s ms, %s to %s", figure(ms(median(theirs))), figure(ms(slices.Min(theirs))), figure(ms(slices.Max(theirs))))
	}
	return nil
}

// uploadOf is what the server does with an upload.
func (b *bench) uploadOf(ctx context.Context, s specimen) error {
	folder, err := os.MkdirTemp(b.dir, "picture-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	f, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = picture.MakeApart(ctx, f, folder, picture.Rendition{Pixels: shownPixels, Moving: true}, picture.Rendition{Pixels: smallPixels})
	return err
}

// vipsRun makes the same two sizes. vipsthumbnail makes one a run, of the file each time, and reads JPEG files at a lower resolution where that
// is enough; the quality is ours.
func (b *bench) vipsRun(ctx context.Context, vips string, s specimen) error {
	ext := ".jpg[Q=88,strip]"
	if strings.HasSuffix(s.file, ".png") {
		ext = ".png[strip]"
	}
	for i, pixels := range []int{shownPixels, smallPixels} {
		scale := min(math.Sqrt(float64(pixels)/float64(s.width*s.height)), 1)
		size := strconv.Itoa(int(float64(s.width)*scale)) + "x" + strconv.Itoa(int(float64(s.height)*scale))
		cmd := exec.CommandContext(ctx, vips, s.file, "--size", size, "-o", filepath.Join(b.dir, fmt.Sprintf("vips-%d%s", i, ext))) //nolint:gosec // a program of the system
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("running vipsthumbnail: %w: %s", err, out)
		}
	}
	return nil
}

// childrenCPU is the CPU time, user and system, of all processes that end while something is done.
func childrenCPU(do func() error) (time.Duration, error) {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u) // cannot fail for one's own
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	err := do()
	return used() - before, err
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// photoLike is a picture with what photos have: smooth gradients, edges, and the noise of a sensor. It is the same each time.
func photoLike(w, h int) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	clamp := func(v float64) uint8 { return uint8(min(max(v, 0), 255)) }
	wave := make([]float64, w)
	for y := range h {
		fy := float64(y) / float64(h)
		if y%4 == 0 {
			for x := range wave {
				fx := float64(x) / float64(w)
				wave[x] = 110 + 60*math.Sin(7*fx+3*fy) + 30*math.Sin(40*fx*fy+9*fx) + 12*math.Sin(300*fy+90*math.Sin(5*fx))
				if math.Mod(9*fx+5*fy*fy, 1) < 0.3 { // things with edges
					wave[x] += 35
				}
			}
		}
		for x, v := range wave {
			m.Y[y*m.YStride+x] = clamp(v + 3*random.NormFloat64())
		}
	}
	for y := range (h + 1) / 2 {
		for x := range (w + 1) / 2 {
			fx, fy := 2*float64(x)/float64(w), 2*float64(y)/float64(h)
			m.Cb[y*m.CStride+x] = clamp(128 + 30*math.Sin(6*fx-4*fy) + random.NormFloat64())
			m.Cr[y*m.CStride+x] = clamp(128 + 25*math.Cos(5*fy+3*fx) + random.NormFloat64())
		}
	}
	return m
}

// screenLike is a picture with what screens show: plain areas, lines, and many small marks like letters.
func screenLike(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same each time
	letters := make([]uint64, 64)
	for i := range letters {
		letters[i] = random.Uint64() & random.Uint64()
	}
	text := make([]int, (w/8+1)*(h/16+1))
	for i := range text {
		text[i] = random.IntN(80) // those above 63 are blanks
	}
	for y := range h {
		for x := range w {
			c := color.NRGBA{250, 250, 252, 255}
			letter := text[y/16*(w/8+1)+x/8]
			switch {
			case x < w/6:
				c = color.NRGBA{uint8(40 + y*30/h), 44, 72, 255}
			case y < 80 || x%(w/3) == 0:
				c = color.NRGBA{99, 100, 255, 255}
			case letter < len(letters) && y%16 < 8 && letters[letter]>>(y%8*8+x%8)&1 == 1:
				c = color.NRGBA{40, 40, 60, 255}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// ffmpeg runs the program to its end.
func ffmpeg(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...) //nolint:gosec // a program of the system
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running ffmpeg: %w: %s", err, out)
	}
	return nil
}
