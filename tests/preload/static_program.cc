// A static C++ program: containers, threads, exceptions, every operator new.
#include <hakmem.h>

#include <cstdint>
#include <cstdio>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

struct alignas(512) Wide {
	char c[512];
};

static bool is_ours(void *p)
{
	return hak_usable_size(p) != 0 && hak_usable_size(p) == malloc_usable_size(p);
}

static int work(int k)
{
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < 20000; i++)
		m["key" + std::to_string(i % 997)].push_back(i + k);
	auto w = std::make_unique<Wide>();
	return m.size() == 997 && is_ours(w.get()) && ((uintptr_t)w.get() & 511) == 0 ? 0 : 1;
}

int main()
{
	int bad[4];
	std::vector<std::thread> threads;
	for (int k = 0; k < 4; k++)
		threads.emplace_back([&bad, k] { bad[k] = work(k); });
	for (auto &t : threads)
		t.join();
	int *p = new int(5);
	char *q = new char[1000], *r = new (std::nothrow) char[(size_t)1 << 60];
	if (!is_ours(p) || !is_ours(q) || r != nullptr)
		return 2;
	delete p;
	delete[] q;
	try {
		r = new char[(size_t)1 << 60];
		std::printf("%p instead of bad_alloc\n", (void *)r);
		return 3;
	} catch (const std::bad_alloc &) {
	}
	return bad[0] + bad[1] + bad[2] + bad[3];
}
