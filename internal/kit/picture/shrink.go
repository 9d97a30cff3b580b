package picture

import "encoding/binary"

// share says which pixels a new one covers, and how much of each: from first on, in weights that add up to 1<<16.
type share struct {
	first   int
	weights []uint32
}

// shares divides n pixels among m ≤ n.
func shares(n, m int) []share {
	out := make([]share, m)
	for i := range out {
		from, to := i*n, (i+1)*n // in parts of m
		s := share{first: from / m}
		left := uint32(1 << 16)
		for at := s.first; at*m < to; at++ {
			covered := min((at+1)*m, to) - max(at*m, from)
			s.weights = append(s.weights, uint32(uint64(covered)<<16/uint64(n)))
		}
		for _, w := range s.weights {
			left -= w
		}
		s.weights[len(s.weights)/2] += left // what rounding took
		out[i] = s
	}
	return out
}

// few is how many pixels a new one covers at most in a row that is not even halved.
const few = 3

// narrow is a share of at most few pixels, so that its weights stand beside it.
type narrow struct {
	first   int
	a, b, c uint64
}

// narrows gives shares another form; nil where one has more than few pixels.
func narrows(list []share) []narrow {
	out := make([]narrow, len(list))
	for i, s := range list {
		if len(s.weights) > few {
			return nil
		}
		var w [few]uint64
		for j, weight := range s.weights {
			w[j] = uint64(weight)
		}
		out[i] = narrow{s.first, w[0], w[1], w[2]}
	}
	return out
}

// shrink gives the means of a plane's pixels, w×h of them, neither more than there are. Rows are mixed first: that is quick, and leaves fewer of them
// for what is slow, finding neighbours. Two new rows are made at once, which share the words that are worked on.
func (p plane) shrink(w, h int) plane {
	out := newPlane(w, h, p.channels)
	across, down := shares(p.w, w), shares(p.h, h)
	near := narrows(across)
	row := make([]uint64, (p.w+few)*p.channels) // narrow shares may look beyond the end, with no weight
	spare := make([]uint8, w*p.channels)
	for y := 0; y < h; y += 2 {
		first, second, s := out.pix[y*out.stride:][:w*p.channels], spare, down[y]
		if y+1 < h {
			second, s = out.pix[(y+1)*out.stride:][:w*p.channels], down[y+1]
		}
		p.mix(row[:p.w*p.channels], down[y], s)
		switch {
		case near == nil && p.channels == 1:
			wide1(first, second, row, across)
		case near == nil:
			wide4(first, second, row, across)
		case p.channels == 1:
			narrow1(first, second, row, near)
		default:
			narrow4(first, second, row, near)
		}
	}
	return out
}

const (
	// lanes are two bytes of eight, each with room for 24 bits more.
	lanes = 0x000000ff_000000ff
	// half of what is cut off when two sums are rounded, each times 1<<24.
	half = 1<<23 | 1<<55
)

// mix gives the means of rows twice, for two new ones, byte by byte and times 256: the first in the lower half of each word, the second in the
// upper. Eight bytes are worked on at once.
func (p plane) mix(row []uint64, first, second share) {
	whole := len(row) &^ 7
	for at := 0; at < whole; at += 8 {
		a, b, c, d := p.eight(at, first)
		e, f, g, h := p.eight(at, second)
		to := row[at:][:8]
		to[0], to[1], to[2], to[3] = pair(a, e), pair(b, f), pair(c, g), pair(d, h)
		to[4], to[5], to[6], to[7] = pair(a>>32, e>>32), pair(b>>32, f>>32), pair(c>>32, g>>32), pair(d>>32, h>>32)
	}
	for at := whole; at < len(row); at++ {
		row[at] = pair(p.one(at, first), p.one(at, second))
	}
}

// eight gives the sums of eight bytes of rows, times 1<<16: those at 0 and 4, at 1 and 5, and so on.
func (p plane) eight(at int, s share) (a, b, c, d uint64) {
	at += s.first * p.stride
	for _, weight := range s.weights {
		v, w := binary.LittleEndian.Uint64(p.pix[at:]), uint64(weight)
		a += v & lanes * w
		b += v >> 8 & lanes * w
		c += v >> 16 & lanes * w
		d += v >> 24 & lanes * w
		at += p.stride
	}
	return a, b, c, d
}

// one is the same for a single byte.
func (p plane) one(at int, s share) (sum uint64) {
	at += s.first * p.stride
	for _, weight := range s.weights {
		sum += uint64(p.pix[at]) * uint64(weight)
		at += p.stride
	}
	return sum
}

// pair puts the lower halves of two sums side by side, without their last eight bits.
func pair(first, second uint64) uint64 {
	return uint64(uint32(first)>>8) | uint64(uint32(second)>>8)<<32
} //nolint:gosec // the lower halves

// put rounds two sums to bytes of two rows.
func put(first, second *uint8, sums uint64) {
	sums += half
	*first, *second = uint8(sums>>24), uint8(sums>>56) //nolint:gosec // the byte that is there
}

func narrow1(first, second []uint8, row []uint64, across []narrow) {
	first, second = first[:len(across)], second[:len(across)]
	for x := range across {
		s := &across[x]
		px := row[s.first:][:few]
		put(&first[x], &second[x], px[0]*s.a+px[1]*s.b+px[2]*s.c)
	}
}

func narrow4(first, second []uint8, row []uint64, across []narrow) {
	for x := range across {
		s := &across[x]
		px, to, next := row[s.first*4:][:few*4], first[x*4:][:4], second[x*4:][:4]
		for i := range 4 {
			put(&to[i], &next[i], px[i]*s.a+px[4+i]*s.b+px[8+i]*s.c)
		}
	}
}

func wide1(first, second []uint8, row []uint64, across []share) {
	first, second = first[:len(across)], second[:len(across)]
	for x := range across {
		s := &across[x]
		px := row[s.first:][:len(s.weights)]
		v := uint64(0)
		for i, weight := range s.weights {
			v += px[i] * uint64(weight)
		}
		put(&first[x], &second[x], v)
	}
}

func wide4(first, second []uint8, row []uint64, across []share) {
	for x := range across {
		s := &across[x]
		from := row[s.first*4:][:len(s.weights)*4]
		var v [4]uint64
		for i, weight := range s.weights {
			px := from[i*4:][:4]
			for j := range v {
				v[j] += px[j] * uint64(weight)
			}
		}
		to, next := first[x*4:][:4], second[x*4:][:4]
		for j := range v {
			put(&to[j], &next[j], v[j])
		}
	}
}
