package lab

import (
	"math/rand/v2"
	"slices"
)

// A Customer is somebody who calls or is called in the office's stories.
type Customer struct{ Name, Number string }

// Customers are all of them, always in the same order.
func Customers() []Customer { return slices.Clone(customers) }

// customers are invented. Japan keeps no numbers free for inventions; these
// are of the pattern 555-01xx, and no call leaves the loopback address.
var customers = []Customer{
	{"佐藤 美咲", "0355550101"},
	{"鈴木 健一", "0355550102"},
	{"高橋 由美子", "0665550103"},
	{"田中 翔太", "0355550104"},
	{"伊藤 さくら", "0525550105"},
	{"渡辺 直樹", "0455550106"},
	{"山本 恵", "0355550107"},
	{"中村 大輔", "0115550108"},
	{"小林 陽子", "0925550109"},
	{"加藤 誠", "0355550110"},
	{"吉田 真由美", "0665550111"},
	{"山田 太郎", "0455550112"},
	{"佐々木 蓮", "0225550113"},
	{"山口 千尋", "0825550114"},
	{"松本 隆", "0355550115"},
	{"井上 あおい", "0755550116"},
	{"木村 拓真", "0355550117"},
	{"林 久美子", "0785550118"},
	{"斎藤 悠斗", "0485550119"},
	{"清水 花子", "0435550120"},
	{"株式会社 青葉商事", "0355550121"},
	{"みなと工務店", "0455550122"},
}

// programme says what is played next. It goes through all stories, then
// through all of them again in another order, and so with the customers.
type programme struct {
	rng       *rand.Rand
	number    uint64
	stories   []Story
	customers []Customer
}

// act is a story with who plays it.
type act struct {
	number   uint64 // counts acts
	story    Story
	customer Customer
}

func newProgramme(seed uint64) *programme {
	return &programme{rng: rand.New(rand.NewPCG(seed, 0))}
}

// next returns the next act: of the given story if there is one.
func (p *programme) next(story *Story) act {
	p.number++
	a := act{number: p.number}
	if len(p.customers) == 0 {
		p.customers = append(p.customers, customers...)
		p.rng.Shuffle(len(p.customers), func(i, j int) {
			p.customers[i], p.customers[j] = p.customers[j], p.customers[i]
		})
	}
	a.customer, p.customers = p.customers[0], p.customers[1:]
	if story != nil {
		a.story = *story
		return a
	}
	if len(p.stories) == 0 {
		p.stories = p.round()
	}
	a.story, p.stories = p.stories[0], p.stories[1:]
	return a
}

// round is all stories in a new order. Those that need the first phone and
// those that do not take turns: stories begin in order, and two that need the
// same phone, next to each other, would keep the other phones idle.
func (p *programme) round() []Story {
	stories := Stories()
	p.rng.Shuffle(len(stories), func(i, j int) { stories[i], stories[j] = stories[j], stories[i] })
	var with, without []Story
	for _, s := range stories {
		if s.needs(agents[0]) {
			with = append(with, s)
		} else {
			without = append(without, s)
		}
	}
	stories = stories[:0]
	for len(with) > 0 || len(without) > 0 {
		if len(with) > 0 {
			stories, with = append(stories, with[0]), with[1:]
		}
		if len(without) > 0 {
			stories, without = append(stories, without[0]), without[1:]
		}
	}
	return stories
}
