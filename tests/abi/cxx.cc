/*
 * cxx.cc - every operator new and delete, the new-handler, std::bad_alloc.
 *
 * Run with the library preloaded. Built with the C++ run-time as usual.
 */
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

static int failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			std::fprintf(stderr, "cxx.cc:%d: %s\n", __LINE__, #cond);                  \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static volatile std::size_t zero;
static const std::size_t huge = SIZE_MAX / 2 - 4096;

static bool usable(void *p, std::size_t n, std::size_t align)
{
	if (p == nullptr || reinterpret_cast<std::uintptr_t>(p) % align != 0 ||
	    malloc_usable_size(p) < n)
		return false;
	std::memset(p, 0x31, n);
	return true;
}

static void plain_forms()
{
	for (std::size_t n : { 0, 1, 24, 100, 1000, 10000, 100000, 5000000 }) {
		void *p = ::operator new(n);
		CHECK(usable(p, n, 16));
		::operator delete(p);
		p = ::operator new[](n);
		CHECK(usable(p, n, 16));
		::operator delete[](p);
		p = ::operator new(n, std::nothrow);
		CHECK(usable(p, n, 16));
		::operator delete(p, std::nothrow);
		p = ::operator new[](n, std::nothrow);
		CHECK(usable(p, n, 16));
		::operator delete[](p, std::nothrow);
		::operator delete(::operator new(n), n);
		::operator delete[](::operator new[](n), n);
	}
	::operator delete(nullptr);
	::operator delete[](nullptr, std::size_t(5));
}

static void aligned_forms()
{
	for (std::size_t a = 1; a <= (std::size_t(4) << 20); a *= 2) {
		std::align_val_t align{ a };
		std::size_t n = a % 3 * 1000 + 1;
		void *p = ::operator new(n, align);

		CHECK(usable(p, n, a));
		::operator delete(p, align);
		p = ::operator new[](n, align);
		CHECK(usable(p, n, a));
		::operator delete[](p, align);
		p = ::operator new(n, align, std::nothrow);
		CHECK(usable(p, n, a));
		::operator delete(p, align, std::nothrow);
		p = ::operator new[](n, align, std::nothrow);
		CHECK(usable(p, n, a));
		::operator delete[](p, align, std::nothrow);
		::operator delete(::operator new(n, align), n, align);
		::operator delete[](::operator new[](n, align), n, align);
	}
}

template <class F> static bool throws(F f)
{
	try {
		f();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static const std::align_val_t page{ 4096 };

static void failures_throw()
{
	CHECK(throws([] { (void)::operator new(huge + zero); }));
	CHECK(throws([] { (void)::operator new[](huge + zero); }));
	CHECK(throws([] { (void)::operator new(SIZE_MAX - zero); }));
	CHECK(throws([] { (void)::operator new(huge + zero, page); }));
	CHECK(throws([] { (void)::operator new[](huge + zero, page); }));
	CHECK(::operator new(huge + zero, std::nothrow) == nullptr);
	CHECK(::operator new[](huge + zero, std::nothrow) == nullptr);
	CHECK(::operator new(huge + zero, page, std::nothrow) == nullptr);
	CHECK(::operator new[](huge + zero, page, std::nothrow) == nullptr);
	CHECK(throws([] { std::vector<char> v(huge + zero); }));
}

static int handled;

static void give_up_later()
{
	if (++handled == 3)
		std::set_new_handler(nullptr);
}

static void throw_at_once()
{
	handled++;
	throw std::bad_alloc();
}

static void new_handlers()
{
	handled = 0;
	std::set_new_handler(give_up_later);
	CHECK(throws([] { (void)::operator new(huge + zero); }));
	CHECK(handled == 3);

	handled = 0;
	std::set_new_handler(give_up_later);
	CHECK(::operator new(huge + zero, std::nothrow) == nullptr);
	CHECK(handled == 3);

	handled = 0;
	std::set_new_handler(give_up_later);
	CHECK(throws([] { (void)::operator new(huge + zero, page); }));
	CHECK(handled == 3);

	/* The handler's own exception: passed on, or caught by the forms that do not throw. */
	handled = 0;
	std::set_new_handler(throw_at_once);
	CHECK(throws([] { (void)::operator new(huge + zero); }));
	CHECK(::operator new(huge + zero, std::nothrow) == nullptr);
	CHECK(::operator new[](huge + zero, std::nothrow) == nullptr);
	CHECK(::operator new(huge + zero, page, std::nothrow) == nullptr);
	CHECK(handled == 4);
	std::set_new_handler(nullptr);
}

struct alignas(128) Wide {
	char bytes[256];
};

static void containers()
{
	std::vector<std::thread> threads;

	for (int t = 0; t < 4; t++)
		threads.emplace_back([t] {
			std::vector<std::string> words;

			for (int i = 0; i < 20000; i++)
				words.push_back(std::string(std::size_t(i % 300),
							    char('a' + t)));
			for (int i = 0; i < 20000; i++)
				if (words[std::size_t(i)].size() != std::size_t(i % 300))
					failures++;
			std::unique_ptr<Wide> wide(new Wide);
			if (reinterpret_cast<std::uintptr_t>(wide.get()) % 128 != 0)
				failures++;
		});
	for (auto &t : threads)
		t.join();
}

int main()
{
	plain_forms();
	aligned_forms();
	failures_throw();
	new_handlers();
	containers();
	if (failures == 0)
		std::puts("cxx: all as it should be");
	return failures != 0;
}
