package trends

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
)

// sketchSize is how many hashes are kept: up to so many accounts are counted exactly, more with an error of about 1/√sketchSize, 4 %.
const sketchSize = 512

// sketch counts distinct accounts in bounded room: the smallest of their hashes, in order, each once. How close together they are tells
// how many there are (k minimum values).
type sketch []uint64

// hash spreads ids over 64 bits (splitmix64). Ids are made here, so nobody can choose them to collide.
func hash(id accounts.ID) uint64 {
	x := uint64(id) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// add gives the sketch with more accounts.
func (s sketch) add(list ...accounts.ID) sketch {
	for _, id := range list {
		h := hash(id)
		at, there := slices.BinarySearch(s, h)
		if there || at == sketchSize {
			continue
		}
		if s = slices.Insert(s, at, h); len(s) > sketchSize {
			s = s[:sketchSize]
		}
	}
	return s
}

// count is how many accounts there are.
func (s sketch) count() int64 {
	if len(s) < sketchSize {
		return int64(len(s))
	}
	return int64(math.Round(float64(sketchSize-1) / (float64(s[sketchSize-1]) / math.MaxUint64)))
}

func (s sketch) encode() string {
	b := make([]byte, 0, 8*len(s))
	for _, h := range s {
		b = binary.BigEndian.AppendUint64(b, h)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

func decodeSketch(text string) sketch {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b)%8 != 0 || len(b) > 8*sketchSize {
		return nil
	}
	s := make(sketch, 0, len(b)/8+8)
	for ; len(b) > 0; b = b[8:] {
		s = append(s, binary.BigEndian.Uint64(b))
	}
	return s
}
