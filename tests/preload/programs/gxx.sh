# g++ with templates of the standard library, and the program that comes out.
limit=120

need() { have g++; }

setup() {
	cat >work.cc <<-'END'
		#include <algorithm>
		#include <functional>
		#include <iostream>
		#include <map>
		#include <memory>
		#include <new>
		#include <regex>
		#include <sstream>
		#include <string>
		#include <thread>
		#include <unordered_map>
		#include <vector>
		struct alignas(256) Wide { char c[256]; };
		int main()
		{
			std::map<std::string, std::vector<int>> m;
			std::unordered_map<int, std::shared_ptr<std::string>> u;
			for (int i = 0; i < 50000; i++) {
				m["key" + std::to_string(i % 997)].push_back(i);
				u[i * 7919 % 10007] = std::make_shared<std::string>(i % 50, 'x');
			}
			size_t n = 0;
			for (auto &p : u)
				n += p.second->size();
			std::cout << m.size() << ' ' << m["key5"].size() << ' ' << n << '\n';
			std::ostringstream s;
			for (auto &p : m)
				s << p.first << ',';
			std::regex r("key(\\d)\\1");
			std::string t = s.str();
			std::cout << std::distance(std::sregex_iterator(t.begin(), t.end(), r),
						   std::sregex_iterator()) << '\n';
			std::vector<std::thread> threads;
			std::vector<long> sums(4);
			for (int k = 0; k < 4; k++)
				threads.emplace_back([&sums, k] {
					for (int i = 0; i < 20000; i++) {
						auto w = std::make_unique<Wide>();
						auto v = std::make_unique<std::vector<int>>(i % 100, k);
						sums[k] += v->size() + (((size_t)w.get() & 255) != 0);
					}
				});
			for (auto &x : threads)
				x.join();
			for (long x : sums)
				std::cout << x << '\n';
			try {
				std::cout << (void *)new char[(size_t)1 << 60] << '\n';
			} catch (const std::bad_alloc &e) {
				std::cout << e.what() << '\n';
			}
			std::cout << (new (std::nothrow) char[(size_t)1 << 60] == nullptr) << '\n';
			std::vector<int> big;
			for (int i = 0; i < 3000000; i++)
				big.push_back(i ^ 0x5555);
			std::sort(big.begin(), big.end(), std::greater<int>());
			std::cout << big[0] << ' ' << big.back() << std::endl;
			throw std::runtime_error("never caught");
		}
	END
}

run() {
	cp "$data/work.cc" .
	g++ -O2 -Wall -pthread -o work work.cc
	echo "status $?"
	cksum work
	bash -c './work; echo "status $?"' 2>&1 | sed 's/line 1: *[0-9]* /line 1: PID /'
}

trace() {
	echo '#include <string>
		int main() { std::string s(1000, 120); return s.size() != 1000; }' >x.cc
	g++ -o x x.cc && ./x
}
