package httpio

// Raw is a parameter as it is kept.
func (p *Params) Raw(key string) any { return p.values[key] }
